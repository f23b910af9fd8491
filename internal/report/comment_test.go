package report_test

import (
	"strings"
	"testing"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func TestCommentIsKnownByWhatItBeginsWith(t *testing.T) {
	empty := report.Document{Plan: &plan.Plan{}}
	warned := report.Document{Plan: &plan.Plan{Findings: []finding.Finding{finding.New("token-expiry", message.Verbatim("ends soon"))}}}
	touched := report.Document{Plan: &plan.Plan{}, Change: &report.Change{Touched: []report.Touched{{Binding: "a"}}}, Basis: report.Basis{Depth: report.Offline}}
	for name, c := range map[string]struct {
		document report.Document
		options  report.Options
		marker   string
		nothing  bool
	}{
		"plan":        {documents()["plan"], report.Options{}, "<!-- reconciler:plan -->", false},
		"other name":  {documents()["plan"], report.Options{Comment: "a b"}, report.Marker("a b"), false},
		"no change":   {empty, report.Options{}, "<!-- reconciler:plan -->", true},
		"warning":     {warned, report.Options{}, "<!-- reconciler:plan -->", false},
		"touched":     {touched, report.Options{}, "<!-- reconciler:plan -->", false},
		"no findings": {report.Document{}, report.Options{}, "<!-- reconciler:findings -->", true},
	} {
		t.Run(name, func(t *testing.T) {
			text := render(t, report.FormatMarkdown, c.document, c.options)
			marker, ok := report.CommentMarker(string(text))
			if !ok || marker != c.marker {
				t.Errorf("marker %q, %v; want %q", marker, ok, c.marker)
			}
			if got := report.ReportsNothing(string(text)); got != c.nothing {
				t.Errorf("says nothing: %v under %q", got, report.CommentHeading(string(text)))
			}
		})
	}
}

func TestOtherTextIsNoComment(t *testing.T) {
	for _, text := range []string{
		"", "# Title", "<!-- reconciler: -->", "<!-- reconciler:a --> <b> -->", "text\n<!-- reconciler:plan -->",
		"<!-- reconciler:" + strings.Repeat("a", 1000) + " -->",
	} {
		if marker, ok := report.CommentMarker(text); ok {
			t.Errorf("%q: marker %q", text, marker)
		}
	}
}

func TestMarkdownIsWrittenWithoutHTMLAfterwards(t *testing.T) {
	for name, d := range documents() {
		text := report.WithoutHTML(string(render(t, report.FormatMarkdown, d, report.Options{})))
		marker, ok := report.CommentMarker(text)
		if !ok || !strings.HasPrefix(marker, "[//]: # (reconciler:") {
			t.Errorf("%s: marker %q", name, marker)
		}
		if strings.ContainsAny(strings.ReplaceAll(text, "```", ""), "<") {
			t.Errorf("%s: HTML is left:\n%s", name, text)
		}
	}
}
