package report

import (
	"slices"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

const (
	// maxFindings is how many findings a report for a code host has at most:
	// GitHub refuses a SARIF file with more results. This many take a quarter
	// of what GitLab accepts as a Code Quality report (100 MB).
	maxFindings = 25_000
	// maxJUnitBytes is the size of the largest JUnit report that GitLab reads.
	maxJUnitBytes = 30_000_000
	// maxAnnotations is how many annotations of each kind GitHub shows for a
	// step.
	maxAnnotations = 10
)

// atMost keeps the most severe findings, in order, and adds one that says how
// many were left out. Including that one, the result has at most most findings.
func atMost(findings []finding.Finding, most int) []finding.Finding {
	if len(findings) <= most {
		return findings
	}
	room := most - 1
	allowed := map[finding.Severity]int{}
	counts := countOf(findings)
	for _, s := range []finding.Severity{finding.Error, finding.Warning, finding.Info} {
		allowed[s] = min(counts[s], room)
		room -= allowed[s]
	}
	kept, rest := split(findings, allowed)
	return append(kept, reportCut(message.New("finding.left-out", "left", summaryOf(countOf(rest)))))
}

// annotated splits findings into those that GitHub shows as annotations,
// including one about the others, and the others.
func annotated(findings []finding.Finding) (shown, rest []finding.Finding) {
	counts := countOf(findings)
	if max(counts[finding.Error], counts[finding.Warning], counts[finding.Info]) <= maxAnnotations {
		return findings, nil
	}
	shown, rest = split(findings, map[finding.Severity]int{
		finding.Error: maxAnnotations, finding.Warning: maxAnnotations - 1, finding.Info: maxAnnotations,
	})
	return append(shown, reportCut(message.New("finding.not-annotated", "left", summaryOf(countOf(rest))))), rest
}

// split takes at most the allowed number of findings of each severity, in
// order.
func split(findings []finding.Finding, allowed map[finding.Severity]int) (taken, rest []finding.Finding) {
	for _, f := range findings {
		if allowed[f.Severity] > 0 {
			allowed[f.Severity]--
			taken = append(taken, f)
		} else {
			rest = append(rest, f)
		}
	}
	return slices.Clip(taken), rest
}

func countOf(findings []finding.Finding) map[finding.Severity]int {
	counts := map[finding.Severity]int{}
	for _, f := range findings {
		counts[f.Severity]++
	}
	return counts
}

// reportCut is a finding about the findings that a report leaves out. It is
// about the report itself, so the catalogue has no rule for it.
func reportCut(m message.Message) finding.Finding {
	return finding.Finding{Code: "report-cut", Severity: finding.Warning, Message: m}
}
