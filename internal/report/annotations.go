package report

import (
	"io"
	"slices"
	"strconv"
	"strings"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// writeAnnotations writes findings as GitHub's workflow commands, one line each,
// which the runner turns into annotations. Errors come first. GitHub shows at
// most ten of each kind from one step; the others are lines of the log.
func writeAnnotations(w io.Writer, d Document, o Options) error {
	p := &page{}
	findings := slices.SortedStableFunc(slices.Values(d.findings()), func(a, b finding.Finding) int {
		return a.Severity.Compare(b.Severity)
	})
	shown, rest := annotated(findings)
	for _, f := range shown {
		p.text.WriteString(withoutCommands(annotation(o.Style.Language, f)) + "\n")
	}
	for _, f := range rest {
		p.line(clean(string(f.Severity)), ": ", place(f), clean(f.Code), ": ", clean(o.Style.Language.Text(f.Message)))
	}
	return p.writeTo(w)
}

func annotation(l *Language, f finding.Finding) string {
	command := "error"
	switch f.Severity {
	case finding.Error:
	case finding.Warning:
		command = "warning"
	case finding.Info:
		command = "notice"
	}
	var properties []string
	if f.File != "" {
		properties = append(properties, "file="+commandProperty(f.File))
		if f.Line > 0 {
			properties = append(properties, "line="+strconv.Itoa(f.Line))
		}
		if f.Line > 0 && f.Column > 0 {
			properties = append(properties, "col="+strconv.Itoa(f.Column))
		}
	}
	properties = append(properties, "title="+commandProperty(f.Code))
	lines := []string{clean(l.Text(f.Message))}
	for _, part := range []struct {
		label message.Message
		text  string
	}{
		{message.New("label.field"), f.Path}, {message.New("label.rule"), l.Text(f.Rule)}, {message.New("label.hint"), l.Text(f.Hint)},
	} {
		if part.text != "" {
			lines = append(lines, l.Text(part.label)+": "+clean(part.text))
		}
	}
	return "::" + command + " " + strings.Join(properties, ",") + "::" + commandData(strings.Join(lines, "\n"))
}

// commandData escapes the text after the second "::" of a workflow command, as
// GitHub's own toolkit does.
func commandData(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// commandProperty escapes a property's value, which ":" or "," would end.
func commandProperty(text string) string {
	return strings.NewReplacer("%", "%25", ":", "%3A", ",", "%2C").Replace(clean(text))
}
