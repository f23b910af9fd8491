package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// manyFindings are so many warnings, and one error after them.
func manyFindings(n int, text string) report.Document {
	var all []finding.Finding
	for i := range n {
		f := finding.New("field-unknown", message.Verbatim(fmt.Sprint(text, i))).As(finding.Warning)
		all = append(all, f.At("a.yaml", i+1, 1))
	}
	return report.Document{Findings: append(all, finding.New("yaml-tab", message.Verbatim("last")).At("z.yaml", 1, 1))}
}

func TestReportsStopAtTheLimitsOfTheirReaders(t *testing.T) {
	if testing.Short() {
		t.Skip("reports of 25,000 findings take seconds")
	}
	for format, one := range map[report.Format]string{
		report.FormatSARIF: `"ruleIndex"`, report.FormatCodeQuality: `"fingerprint"`, report.FormatJUnit: "<testcase ",
	} {
		t.Run(string(format), func(t *testing.T) {
			whole := render(t, format, manyFindings(24_999, "x"), report.Options{})
			if n := bytes.Count(whole, []byte(one)); n != 25_000 || bytes.Contains(whole, []byte("report-cut")) {
				t.Errorf("%d of 25,000 findings, or one about a cut", n)
			}
			cut := render(t, format, manyFindings(26_000, "x"), report.Options{})
			n := bytes.Count(cut, []byte(one))
			if n > 25_000 || n < 24_999 {
				t.Errorf("%d of 26,001 findings", n)
			}
			for _, want := range []string{"1002 warnings left out", "last"} {
				if !bytes.Contains(cut, []byte(want)) {
					t.Errorf("no %q", want)
				}
			}
			checkAgainstSchema(t, format, cut)
		})
	}
}

func TestJUnitStaysReadableForGitLab(t *testing.T) {
	if testing.Short() {
		t.Skip("the report has 30 MB")
	}
	got := render(t, report.FormatJUnit, manyFindings(9_000, strings.Repeat("x", 4_000)), report.Options{})
	if len(got) > 30_000_000 || !bytes.Contains(got, []byte("left out")) || !bytes.Contains(got, []byte("z.yaml")) {
		t.Errorf("%d bytes, or nothing about the cut, or no error", len(got))
	}
}

func TestMoreThanTenAnnotationsOfAKindAreLinesOfTheLog(t *testing.T) {
	for warnings, want := range map[int]struct{ commands, lines int }{10: {11, 0}, 11: {11, 2}, 300: {11, 291}} {
		got := string(render(t, report.FormatGitHub, manyFindings(warnings, "x"), report.Options{}))
		commands := strings.Count(got, "::warning ") + strings.Count(got, "::error ")
		if lines := strings.Count(got, "\n") - commands; commands != want.commands || lines != want.lines {
			t.Errorf("%d: %d commands and %d lines, want %v\n%s", warnings, commands, lines, want, got)
		}
		if strings.Contains(got, "report-cut") != (want.lines > 0) || !strings.HasPrefix(got, "::error file=z.yaml") {
			t.Errorf("%d: the cut, or the order\n%s", warnings, got)
		}
	}
}
