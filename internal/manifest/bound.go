package manifest

import (
	"slices"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

const (
	// maxFindings is how many findings of a file are shown, and maxAllFindings how
	// many in total. One more finding reports how many are not shown.
	maxFindings    = 200
	maxAllFindings = 2_000
	// maxCollected is the number of findings after which the check of a file stops
	// at the end of a document.
	maxCollected = 1_000
)

// bound keeps the most severe findings, at most that many, and sorts them. hidden
// is how many more were dropped before.
func bound(findings []finding.Finding, most, hidden int) []finding.Finding {
	findings = finding.Sort(findings)
	if len(findings) <= most && hidden == 0 {
		return findings
	}
	slices.SortStableFunc(findings, func(a, b finding.Finding) int { return a.Severity.Compare(b.Severity) })
	severity := finding.Error
	if hidden == 0 {
		severity = findings[most].Severity
	}
	kept := findings[:min(most, len(findings))]
	hidden += len(findings) - len(kept)
	more := finding.New("too-many-findings", message.New("check.more", "count", hidden)).As(severity)
	if len(kept) > 0 && !slices.ContainsFunc(kept, func(f finding.Finding) bool { return f.File != kept[0].File }) {
		more.File = kept[0].File
	}
	return finding.Sort(append(slices.Clip(kept), more))
}

// collector gathers the findings of files. Beyond the limit, it keeps one finding
// of each file, an error if there is one, so that it is known which files have
// errors.
type collector struct {
	findings []finding.Finding
	hidden   int
}

func (c *collector) add(file string, findings []finding.Finding) {
	for i, f := range findings {
		if len(c.findings) > maxAllFindings {
			if e := slices.IndexFunc(findings[i:], func(f finding.Finding) bool { return f.Severity == finding.Error }); e >= 0 {
				f = findings[i+e]
			}
			c.hidden += len(findings) - i - 1
			findings = nil
		}
		f.File = file
		c.findings = append(c.findings, f)
		if findings == nil {
			return
		}
	}
}

// bounded returns the findings of files and others, within the limit for all.
func (c *collector) bounded(others ...[]finding.Finding) []finding.Finding {
	return bound(append(c.findings, slices.Concat(others...)...), maxAllFindings, c.hidden)
}
