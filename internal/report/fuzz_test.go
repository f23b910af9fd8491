package report_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// bigPlan is a plan whose foreign text is all text, with n actions and
// findings.
func bigPlan(text string, n int) plan.Plan {
	p := plan.Plan{}
	for i := range n {
		kind := []plan.Kind{plan.Bind, plan.Rebind, plan.Authorize, plan.Noop, plan.Forbidden}[i%5]
		p.Actions = append(p.Actions, plan.Action{
			Instance: text + strconv.Itoa(i/40), Binding: text, Platform: binding.Platform(text), Object: binding.Object{Kind: binding.ObjectRule, Image: text, Rule: text}, Kind: kind, Reason: message.Verbatim(text),
			Changes: []plan.Change{{Field: text, From: text, To: text}}, Steps: []message.Message{message.Verbatim(text)},
		})
		p.Findings = append(p.Findings, finding.New("drift", message.Verbatim(text)).At(text, i, 1).In(text))
	}
	return p
}

// checkMarkdown holds a comment to what must hold of every comment.
func checkMarkdown(t *testing.T, text, marker, digest string, limit int) {
	t.Helper()
	if n := len(utf16.Encode([]rune(text))); n > limit || !utf8.ValidString(text) {
		t.Errorf("%d units of at most %d, valid: %v", n, limit, utf8.ValidString(text))
	}
	if !strings.HasPrefix(text, marker+"\n") || strings.Count(text, marker) != 1 {
		t.Errorf("the marker %q is not at the start alone", marker)
	}
	if !strings.Contains(text, "Digest: `"+digest+"`") {
		t.Error("no digest")
	}
	text, ok := report.Unsealed(text)
	if !ok {
		t.Error("no seal")
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "/") {
			t.Errorf("a command to the host: %q", line)
		}
	}
	// The only HTML that is written.
	ownHTML := regexp.MustCompile(`</?(details|summary|code)>|<br>|<!-- reconciler:[A-Za-z0-9._/-]+ -->`)
	depth := 0
	for line := range strings.SplitSeq(text, "\n") {
		switch {
		case line == "<details>":
			depth++
		case line == "</details>":
			depth--
		case strings.HasPrefix(line, "|") && strings.Count(line, "|") != 6:
			t.Errorf("a row with other than five cells: %q", line)
		case strings.HasPrefix(strings.TrimSpace(line), "/"):
			t.Errorf("a line that GitLab takes for a command: %q", line)
		}
		if depth < 0 || depth > 1 {
			t.Errorf("<details> open %d times at %q", depth, line)
		}
	}
	if rest := ownHTML.ReplaceAllString(text, ""); depth != 0 || strings.Contains(rest, "<") {
		t.Errorf("HTML stays open (%d), or foreign HTML is left in %q", depth, rest)
	}
}

func FuzzMarkdownKeepsToItsLimit(f *testing.F) {
	f.Add("payments", uint16(300), uint16(9000), false)
	f.Add("支付 `a|b` </details> <!-- reconciler:plan --> @all #1 /merge", uint16(120), uint16(0), false)
	f.Add("a\n/approve\r\n| x | y |\n```\n\\|\\", uint16(50), uint16(20000), true)
	f.Add("\xff\u202e\U0001f600\u2028", uint16(400), uint16(65535), false)
	f.Add("", uint16(7), uint16(1), false)
	f.Fuzz(func(t *testing.T, text string, n, limit uint16, noHTML bool) {
		p := bigPlan(text, int(n)%150)
		d := report.Document{Plan: &p, Basis: report.Basis{Depth: report.Live, Base: text, Head: text}}
		o := report.Options{Limit: int(limit), Comment: text}
		got := string(render(t, report.FormatMarkdown, d, o))
		most := max(int(limit), 8192)
		if limit == 0 {
			most = 65536
		}
		marker := report.Marker(text)
		if text == "" {
			marker = report.Marker("plan")
		}
		checkMarkdown(t, got, marker, p.Digest(), most)
		if plain := report.WithoutHTML(got); noHTML && strings.Contains(plain, "<") || !strings.HasPrefix(plain, report.WithoutHTML(marker)+"\n") {
			t.Errorf("HTML is left, or the marker is not at the start, in %q", plain)
		}
	})
}

func TestMarkdownSaysHowMuchIsLeftOut(t *testing.T) {
	p := bigPlan("支付", 2000)
	got := string(render(t, report.FormatMarkdown, report.Document{Plan: &p}, report.Options{}))
	checkMarkdown(t, got, report.Marker("plan"), p.Digest(), 65536)
	note := regexp.MustCompile(`\*\*Cut here:\*\* (\d+) of (\d+) lines are left out, because a comment has at most 65536 characters`).FindStringSubmatch(got)
	if note == nil {
		t.Fatalf("no note in the last of it:\n%s", got[len(got)-1000:])
	}
	// Every line of the plan is either there or counted as left out.
	shown := strings.Count(got, "\n| `") + strings.Count(got, "\n1. ") + strings.Count(got, "\n- ")
	if left, all := atoi(t, note[1]), atoi(t, note[2]); shown+left != all {
		t.Errorf("%d shown and %d left out of %d", shown, left, all)
	}
	if len(utf16.Encode([]rune(got))) < 60000 {
		t.Errorf("%d characters are far from the limit", utf8.RuneCountInString(got))
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMarkersDifferAndCannotBeEnded(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"plan", "team/plan", "支付", "支", "a--b", "a-b", "a -->", "a-", "", strings.Repeat("x", 200), strings.Repeat("x", 201)} {
		m := report.Marker(name)
		inner := strings.TrimSuffix(strings.TrimPrefix(m, "<!-- "), " -->")
		if strings.Contains(inner, "--") || strings.ContainsAny(inner, "<>\n") || strings.HasSuffix(inner, "-") {
			t.Errorf("%q: %s can be ended", name, m)
		}
		if other, ok := seen[m]; ok {
			t.Errorf("%q and %q have one marker, %s", name, other, m)
		}
		seen[m] = name
	}
	if got := report.Marker("team/plan"); got != "<!-- reconciler:team/plan -->" {
		t.Errorf("a plain name is not kept: %s", got)
	}
}

// decodeCommand reads a workflow command as GitHub's runner does.
func decodeCommand(line string) (command string, properties map[string]string, data string, err error) {
	rest, ok := strings.CutPrefix(line, "::")
	if !ok {
		return "", nil, "", fmt.Errorf("no command: %q", line)
	}
	head, data, ok := strings.Cut(rest, "::")
	if !ok {
		return "", nil, "", fmt.Errorf("no end of the properties: %q", line)
	}
	command, list, _ := strings.Cut(head, " ")
	properties = map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		properties[key] = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace(value)
	}
	return command, properties, strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(data), nil
}

func FuzzAnnotationsReadBackAsTheyWere(f *testing.F) {
	f.Add("payments/gitlab.yaml", "the port is wrong", 8, 13)
	f.Add("a:b,c%.yaml", "100%25 ::error::%0A::add-mask::x", 1, 0)
	f.Add("a\n::error::b", "x\r\n::stop-commands::x\n##[error]", 0, 3)
	f.Add("\xff,line=7", "\u2028", -1, -1)
	f.Fuzz(func(t *testing.T, file, text string, line, column int) {
		d := report.Document{Findings: []finding.Finding{{
			Code: "drift", Severity: finding.Warning, File: file, Line: line, Column: column, Message: message.Verbatim(text),
		}}}
		out := render(t, report.FormatGitHub, d, report.Options{})
		if bytes.Count(out, []byte("\n")) != 1 || bytes.ContainsRune(out, '\r') {
			t.Fatalf("not one line: %q", out)
		}
		command, properties, data, err := decodeCommand(strings.TrimSuffix(string(out), "\n"))
		if err != nil {
			t.Fatal(err)
		}
		harmless := !strings.ContainsFunc(file+text, func(r rune) bool { return r < 0x20 || r >= 0x7f })
		if command != "warning" || properties["title"] != "drift" {
			t.Errorf("got %s %v", command, properties)
		}
		if harmless && (properties["file"] != file || data != text) {
			t.Errorf("%q and %q come back as %q and %q", file, text, properties["file"], data)
		}
		if line <= 0 && properties["line"] != "" || column <= 0 && properties["col"] != "" {
			t.Errorf("an unknown position is reported: %v", properties)
		}
		for key := range properties {
			if !strings.Contains(" file line col title ", " "+key+" ") {
				t.Errorf("a property %q got in", key)
			}
		}
	})
}
