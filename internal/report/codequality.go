package report

import (
	"cmp"
	"io"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// codeQualityIssue is one entry of GitLab's Code Quality report, with the
// fields that GitLab documents under "Code Quality report format"
// (docs.gitlab.com/ci/testing/code_quality).
type codeQualityIssue struct {
	Description string              `json:"description"`
	CheckName   string              `json:"check_name"`
	Fingerprint string              `json:"fingerprint"`
	Severity    string              `json:"severity"`
	Location    codeQualityLocation `json:"location"`
}

type codeQualityLocation struct {
	Path  string           `json:"path"`
	Lines codeQualityLines `json:"lines"`
}

type codeQualityLines struct {
	Begin int `json:"begin"`
}

// writeCodeQuality writes findings as GitLab's Code Quality report. The format
// requires a place: an unknown line becomes 1, and a finding that is not about
// a file gets the repository's root, ".".
func writeCodeQuality(w io.Writer, d Document, o Options) error {
	findings := atMost(d.findings(), maxFindings)
	prints := Fingerprints(findings)
	issues := make([]codeQualityIssue, 0, len(findings))
	for i, f := range findings {
		issues = append(issues, codeQualityIssue{
			Description: described(English(), f),
			CheckName:   clean(f.Code),
			Fingerprint: prints[i],
			Severity:    codeQualitySeverity(f.Severity),
			Location:    codeQualityLocation{Path: cmp.Or(clean(f.File), "."), Lines: codeQualityLines{Begin: max(f.Line, 1)}},
		})
	}
	return JSON(w, issues)
}

// described returns the message and the hint in one line.
func described(l *Language, f finding.Finding) string {
	if f.Hint.IsZero() {
		return clean(l.Text(f.Message))
	}
	return clean(l.Text(message.New("finding.described", "message", f.Message, "hint", f.Hint)))
}

func codeQualitySeverity(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "critical"
	case finding.Warning:
		return "minor"
	case finding.Info:
		return "info"
	}
	return "major"
}
