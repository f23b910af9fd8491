package report_test

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// foreign is a document whose findings are foreign text in every place.
func foreign(text string) report.Document {
	f := finding.New("drift", message.Verbatim(text)).At(text, 1, 1).In(text)
	f.Hint = message.Verbatim(text)
	return report.Document{Findings: []finding.Finding{f}}
}

// A CI's runner reads commands from the log: GitHub's begin a line with ::, and
// ##[ anywhere in it, as Azure's ##vso[ and TeamCity's ##teamcity[.
func TestTextIsNoCommandToARunner(t *testing.T) {
	for _, text := range []string{
		"::add-mask::x", "  ::stop-commands::x", "\t::error::x", "a\n::set-output name=x::y", "##[add-path]/evil",
		"a ##[group]x", "##vso[task.setvariable variable=x]y", "##teamcity[buildProblem description='x']", "a ####[error]x",
	} {
		for _, format := range []report.Format{report.FormatText, report.FormatGitHub} {
			for _, language := range []int{0, 40} {
				out := string(render(t, format, foreign(text), report.Options{Style: report.Style{Width: language}}))
				for line := range strings.Lines(out) {
					line = strings.TrimSpace(line)
					own := format == report.FormatGitHub && strings.HasPrefix(line, "::warning ")
					if strings.HasPrefix(line, "::") && !own || strings.Contains(line, "##[") || strings.Contains(line, "##vso[") || strings.Contains(line, "##teamcity[") {
						t.Errorf("%q as %s is a command: %q", text, format, line)
					}
				}
			}
		}
		if line := report.Sanitize(text); strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
			t.Errorf("%q as an error is a command: %q", text, line)
		}
	}
}

// Hosts make links of addresses without any markup.
func TestForeignTextDoesNotLink(t *testing.T) {
	code := regexp.MustCompile("`[^`]*`")
	for _, text := range []string{
		"http://evil.example", "HTTPS://evil.example/x", "www.evil.example", "see WWW.evil.example", "ftp://evil.example", "GH-12", "gh-12",
		"mailto:a@evil.example", "a@evil.example", "@all", "#12", "!12",
	} {
		out := string(render(t, report.FormatMarkdown, foreign("x "+text), report.Options{}))
		for line := range strings.Lines(out) {
			if strings.Contains(code.ReplaceAllString(line, ""), text) {
				t.Errorf("%q links in %q", text, line)
			}
		}
	}
}

// Code that holds what would end a code span is HTML, in which hosts make links.
func TestForeignCodeDoesNotLink(t *testing.T) {
	code, link := regexp.MustCompile("`[^`]*`"), regexp.MustCompile(`(?i)[a-z]+://|www\.|gh-[0-9]|@[a-z]|~"|%"`)
	for _, text := range []string{"http://evil.example/", "www.evil.example", "GH-12", "@all", "https://evil.example", `~"label"`, `%"milestone"`} {
		for _, odd := range []string{"|", "`", "\\", "<"} {
			out := string(render(t, report.FormatMarkdown, foreign(odd+" "+text), report.Options{}))
			for line := range strings.Lines(out) {
				if plain := code.ReplaceAllString(line, ""); strings.HasPrefix(line, "- ") && link.MatchString(html.UnescapeString(plain)) {
					t.Errorf("%q links in %q", text, line)
				}
			}
		}
	}
}

func TestOnlyWhatWasWrittenHereIsUnsealed(t *testing.T) {
	text := string(render(t, report.FormatMarkdown, documents()["plan"], report.Options{Comment: "payments"}))
	if body, ok := report.Unsealed(text); !ok || !strings.HasPrefix(text, body) {
		t.Errorf("what was written here is not accepted: %t", ok)
	}
	if _, ok := report.Unsealed(strings.ReplaceAll(text, "\n", "\r\n")); !ok {
		t.Error("line ends of another system are not accepted")
	}
	for name, changed := range map[string]string{
		"no seal":              "<!-- reconciler:plan -->\n\n## reconciler: nothing changes\n\n/merge\n",
		"a line more":          strings.Replace(text, "## ", "/merge\n\n## ", 1),
		"a line at the end":    text + "\n/merge\n",
		"a line less":          text[strings.Index(text, "\n")+1:],
		"cut":                  text[:len(text)/2],
		"empty":                "",
		"the seal of another":  "x" + text[strings.LastIndex(text, "\n<!-- "):],
		"a second, older seal": text + text,
	} {
		if _, ok := report.Unsealed(changed); ok && name != "a second, older seal" {
			t.Errorf("%s is accepted", name)
		}
	}
}
