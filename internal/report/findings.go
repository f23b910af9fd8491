package report

import (
	"fmt"
	"io"

	"reconciler/internal/finding"
)

// Findings writes findings for a person: the place, the message, the rule and
// how to mend it, then their number. Nothing is written where there is none.
func Findings(w io.Writer, findings []finding.Finding, style Style) error {
	p := &page{style: style}
	p.findings(findings)
	return p.writeTo(w)
}

func (p *page) findings(findings []finding.Finding) {
	counts := map[finding.Severity]int{}
	for _, f := range findings {
		counts[f.Severity]++
		p.finding(f)
	}
	if len(findings) > 0 {
		p.line()
		p.line(summary(counts))
	}
}

func (p *page) finding(f finding.Finding) {
	p.line(p.style.paint(bold, place(f)),
		p.style.paint(severityColor(f.Severity), clean(string(f.Severity)+"["+f.Code+"]")), ": ", clean(f.Message))
	if f.Path != "" {
		p.fold("  field: ", f.Path)
	}
	if f.Rule != "" {
		p.fold("  rule:  ", f.Rule)
	}
	if f.Hint != "" {
		p.fold("  hint:  ", f.Hint)
	}
}

// place is file:line:column and a colon, as far as it is known.
func place(f finding.Finding) string {
	switch {
	case f.File == "":
		return ""
	case f.Line == 0:
		return clean(f.File) + ": "
	case f.Column == 0:
		return fmt.Sprintf("%s:%d: ", clean(f.File), f.Line)
	}
	return fmt.Sprintf("%s:%d:%d: ", clean(f.File), f.Line, f.Column)
}

func severityColor(s finding.Severity) color {
	switch s {
	case finding.Error:
		return red
	case finding.Warning:
		return yellow
	case finding.Info:
		return cyan
	}
	return bold
}

func summary(counts map[finding.Severity]int) string {
	text := ""
	for _, s := range []struct {
		severity  finding.Severity
		one, many string
	}{
		{finding.Error, "error", "errors"},
		{finding.Warning, "warning", "warnings"},
		{finding.Info, "piece of information", "pieces of information"},
	} {
		n, noun := counts[s.severity], s.many
		if n == 0 {
			continue
		}
		if n == 1 {
			noun = s.one
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%d %s", n, noun)
	}
	return text + "."
}
