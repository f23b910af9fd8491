package report

import (
	"fmt"
	"io"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Findings writes findings for a person: the place, the message, the rule and
// how to fix it, and then their number. It writes nothing if there is none.
func Findings(w io.Writer, findings []finding.Finding, style Style) error {
	p := &page{style: style}
	p.findings(findings)
	return p.writeTo(w)
}

func (p *page) findings(findings []finding.Finding) {
	for _, f := range findings {
		p.finding(f)
	}
	if len(findings) > 0 {
		p.line()
		p.line(p.style.Language.Text(message.New("sentence", "text", summaryOf(countOf(findings)))))
	}
}

func (p *page) finding(f finding.Finding) {
	p.line(p.style.paint(bold, place(f)),
		p.style.paint(severityColor(f.Severity), clean(string(f.Severity)+"["+f.Code+"]")), ": ", clean(p.style.Language.Text(f.Message)))
	p.labelled(message.New("label.field"), f.Path)
	p.labelled(message.New("label.rule"), p.style.Language.Text(f.Rule))
	p.labelled(message.New("label.hint"), p.style.Language.Text(f.Hint))
}

// labelled writes text after a label; nothing if the text is empty.
func (p *page) labelled(label message.Message, text string) {
	if text != "" {
		p.fold("  "+pad(p.style.Language.Text(label)+":", len("field: ")), text)
	}
}

// place is file:line:column and a colon, as far as known.
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

// summaryOf counts findings by severity: "1 error, 2 warnings".
func summaryOf(counts map[finding.Severity]int) message.Message {
	var parts []message.Message
	for _, m := range []message.Message{
		message.New("summary.errors", "count", counts[finding.Error]),
		message.New("summary.warnings", "count", counts[finding.Warning]),
		message.New("summary.notes", "count", counts[finding.Info]),
	} {
		if m.Args.Get("count") != 0 {
			parts = append(parts, m)
		}
	}
	return message.New("list", "items", parts)
}
