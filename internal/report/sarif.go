package report

import (
	"cmp"
	"io"
	"net/url"
	"strings"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// sarifSchema is where OASIS publishes the schema of SARIF 2.1.0 with its
// errata.
const sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

// sourceRoot is SARIF's usual name for the base of file names.
const sourceRoot = "%SRCROOT%"

// writeSARIF writes findings as one SARIF 2.1.0 run. A finding that is not
// about a file becomes a notification of the run, because readers refuse
// results without a place.
func writeSARIF(w io.Writer, d Document, o Options) error {
	run := sarifRun{
		ColumnKind:         "unicodeCodePoints",
		OriginalURIBaseIDs: map[string]sarifArtifact{sourceRoot: {Description: &sarifText{English().Text(message.New("format-text.root"))}}},
		Results:            []sarifResult{},
	}
	run.Tool.Driver = sarifDriver{Name: tool, Version: clean(o.Version), Rules: []sarifRule{}}
	invocation := sarifInvocation{ExecutionSuccessful: true, Notifications: []sarifNotification{}}
	rules := map[string]int{}
	findings := atMost(d.findings(), maxFindings)
	prints := Fingerprints(findings)
	for i, f := range findings {
		if _, ok := rules[f.Code]; !ok {
			rules[f.Code] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(English(), f))
		}
		index := rules[f.Code]
		if f.File == "" {
			invocation.ExecutionSuccessful = invocation.ExecutionSuccessful && f.Severity != finding.Error
			invocation.Notifications = append(invocation.Notifications, sarifNotification{
				AssociatedRule: sarifRuleReference{clean(f.Code), index}, Level: sarifLevel(f.Severity), Message: sarifMessage(English(), f),
			})
			continue
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: clean(f.Code), RuleIndex: index, Level: sarifLevel(f.Severity), Message: sarifMessage(English(), f),
			Locations: []sarifLocation{newSARIFLocation(f)},
			// GitHub compares the first one.
			PartialFingerprints: map[string]string{"primaryLocationLineHash": prints[i], "reconciler/v1": prints[i]},
		})
	}
	run.Invocations = []sarifInvocation{invocation}
	return JSON(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{run}})
}

// newSARIFRule describes the rule of a finding: from the catalogue or, for an
// organisation's own rule, from the finding.
func newSARIFRule(l *Language, f finding.Finding) sarifRule {
	rule := sarifRule{
		ID:                   clean(f.Code),
		ShortDescription:     sarifText{clean(cmp.Or(l.Text(f.Rule), f.Code))},
		DefaultConfiguration: sarifConfiguration{sarifLevel(f.Severity)},
	}
	hint := f.Hint
	if known, ok := finding.Lookup(f.Code); ok {
		hint = known.Hint()
		rule.ShortDescription = sarifText{clean(l.Text(known.Sentence()))}
		rule.FullDescription = &sarifText{clean(l.Text(known.Explanation()))}
		rule.DefaultConfiguration = sarifConfiguration{sarifLevel(known.Severity)}
		if u, err := url.Parse(known.Source); err == nil && u.Scheme == "https" && u.Host != "" {
			rule.HelpURI = known.Source
		}
	}
	if !hint.IsZero() {
		rule.Help = &sarifText{clean(l.Text(hint))}
	}
	return rule
}

func sarifLevel(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "error"
	case finding.Warning:
		return "warning"
	case finding.Info:
		return "note"
	}
	return "warning"
}

// sarifMessage is the message and the hint. SARIF turns "[a](b)" in a message
// into a link, which is prevented for foreign text.
func sarifMessage(l *Language, f finding.Finding) sarifText {
	return sarifText{strings.ReplaceAll(described(l, f), "](", "] (")}
}

func newSARIFLocation(f finding.Finding) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: sarifArtifact{
		URI: (&url.URL{Path: f.File}).String(), URIBaseID: sourceRoot,
	}}}
	if f.Line > 0 {
		l.Physical.Region = &sarifRegion{f.Line, f.Column}
	}
	if f.Path != "" {
		l.Logical = []sarifLogical{{clean(f.Path), "member"}}
	}
	return l
}
