package report_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/width"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// columnsOf is how many columns a line takes on a terminal.
func columnsOf(line string) (n int) {
	for _, r := range line {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

func fleet() []binding.Status {
	at := func(hours int) time.Time { return atHour(12).Add(-time.Duration(hours) * time.Hour) }
	one := func(name, instance string, platform binding.Platform, account string, status binding.ConditionStatus, reason string, hours int) binding.Status {
		return binding.Status{
			Name: name, File: "bindings/" + name + ".yaml", Revision: strings.Repeat("0123abcd", 5), LastSync: at(0),
			Spec:       binding.Spec{Instance: instance, Platform: platform, Username: account},
			Conditions: []binding.Condition{{Type: binding.Ready, Status: status, Reason: reason, LastTransitionTime: at(hours), Message: message.Verbatim("why")}},
		}
	}
	all := []binding.Status{
		one("payments-gitlab", "prod-hangzhou", binding.GitLab, "ci-bot", binding.True, "AsDeclared", 3),
		one("平台-codeup", "edge-shanghai", binding.Codeup, "机器人", binding.False, "TokenRevoked", 50),
		one("web-github", "prod-hangzhou", binding.GitHub, "octo dev", binding.Unclear, "UnreadableLastKnown", 0),
	}
	all[0].TokenVersion, all[0].TokenExpires = 4, time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	all[0].Conditions = append(all[0].Conditions, binding.Condition{Type: binding.Suspended, Status: binding.True, Message: message.Verbatim("until noon")})
	all[2].Steps = []message.Message{message.Verbatim("click")}
	all[2].Pending = []binding.PendingStep{{Since: at(2), Steps: all[2].Steps}}
	return all
}

func TestTablesAtWidthsGolden(t *testing.T) {
	long := fleet()
	long[0].Name = strings.Repeat("long-name-", 6)
	style := func(columns int) report.Style { return report.Style{Width: columns, Now: atHour(12)} }
	wide := style(80)
	wide.Wide = true
	beijing := wide
	beijing.Language = report.English().In(time.FixedZone("CST", 8*3600))
	for name, write := range map[string]func(io.Writer) error{
		"get-40.golden":      func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: fleet()}, style(40)) },
		"get-80.golden":      func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: fleet()}, style(80)) },
		"get-120.golden":     func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: fleet()}, style(120)) },
		"get-wide.golden":    func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: fleet()}, wide) },
		"get-long-80.golden": func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: long}, style(80)) },
		"get-long-40.golden": func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: long}, style(40)) },
		"get-local.golden":   func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: fleet()}, beijing) },
		"events-80.golden":   func(w io.Writer) error { return report.Events(w, sampleEvents(), style(80)) },
		"events-120.golden":  func(w io.Writer) error { return report.Events(w, sampleEvents(), style(120)) },
		"events-wide.golden": func(w io.Writer) error { return report.Events(w, sampleEvents(), beijing) },
		"history-80.golden":  func(w io.Writer) error { return report.HistoryText(w, report.NewHistory(sampleHistory()), style(80)) },
		"history-120.golden": func(w io.Writer) error { return report.HistoryText(w, report.NewHistory(sampleHistory()), style(120)) },
		"describe-80.golden": func(w io.Writer) error { return report.DescriptionText(w, sampleDescription(), style(80)) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestNoTableIsWiderThanTheTerminal(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-z0-9支付平台 -]{0,60}`)
	rapid.Check(t, func(t *rapid.T) {
		var statuses []binding.Status
		var events []report.EventItem
		var history []binding.HistoryEntry
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			s := binding.Status{Name: name.Draw(t, "name"), Spec: binding.Spec{Instance: name.Draw(t, "instance"), Username: name.Draw(t, "account")}}
			statuses = append(statuses, s)
			events = append(events, report.EventItem{Instance: s.Spec.Instance, Binding: s.Name, Type: report.EventWarning, Reason: "DriftFound", Message: name.Draw(t, "message"), Last: atHour(1)})
			history = append(history, binding.HistoryEntry{Instance: s.Spec.Instance, Binding: s.Name, Action: "bind", Message: s.Spec.Username, Time: atHour(1)})
		}
		style := report.Style{Width: rapid.IntRange(30, 200).Draw(t, "width"), Now: atHour(5)}
		for what, write := range map[string]func(io.Writer) error{
			"get":     func(w io.Writer) error { return report.Bindings(w, report.BindingView{Statuses: statuses}, style) },
			"events":  func(w io.Writer) error { return report.Events(w, report.NewEventList(events, 1), style) },
			"history": func(w io.Writer) error { return report.HistoryText(w, report.NewHistory(history), style) },
		} {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) != len(statuses)+1 {
				t.Fatalf("%s has %d lines for %d bindings:\n%s", what, len(lines), len(statuses), out.String())
			}
			for _, line := range lines {
				if n := columnsOf(line); n > style.Width {
					t.Fatalf("%s: a line takes %d of %d columns:\n%s", what, n, style.Width, out.String())
				}
			}
			if cells := len(strings.Fields(lines[0])); what == "get" && slices.ContainsFunc(lines, func(l string) bool { return len(strings.Fields(l)) != cells }) {
				t.Fatalf("a cell has a space:\n%s", out.String())
			}
		}
	})
}

func TestRowsThatComeOneByOneStandInTheSameColumns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := report.NewBindingTable(report.Style{Width: 80, Now: atHour(12)})
	for _, s := range fleet() {
		if err := table.Write(&out, report.BindingView{Statuses: []binding.Status{s}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("want a heading and three rows:\n%s", out.String())
	}
	for _, line := range lines {
		if got, want := len(strings.Fields(line)), len(strings.Fields(lines[0])); got != want {
			t.Errorf("%d cells below %d headings:\n%s", got, want, out.String())
		}
	}
}

func TestBindingsAreSortedByAColumn(t *testing.T) {
	t.Parallel()
	for by, want := range map[string]string{
		"name": "payments-gitlab web-github 平台-codeup", "instance": "平台-codeup payments-gitlab web-github",
		"ready": "平台-codeup web-github payments-gitlab", "age": "web-github payments-gitlab 平台-codeup",
		"expires": "payments-gitlab web-github 平台-codeup", "platform": "平台-codeup web-github payments-gitlab",
	} {
		var got []string
		for _, s := range report.SortBindings(fleet(), by) {
			got = append(got, s.Name)
		}
		if fmt.Sprint(got) != "["+want+"]" {
			t.Errorf("by %s: got %v, want %s", by, got, want)
		}
	}
	for _, by := range report.BindingOrders() {
		if got := report.SortBindings(fleet(), by); len(got) != 3 {
			t.Errorf("by %s: %d bindings", by, len(got))
		}
	}
}

// TestALongerNameLeavesOutAColumn, with the headings again, and cuts no time.
func TestALongerNameLeavesOutAColumn(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := report.NewEventTable(report.Style{Width: 80, Now: atHour(12)}, true)
	for _, name := range []string{"web", strings.Repeat("long-name-", 6), "web"} {
		event := report.EventItem{Instance: "prod", Binding: name, Type: report.EventNormal, Reason: "Applied", Message: strings.Repeat("message ", 9), Count: 1, Last: atHour(9)}
		if err := table.Write(&out, []report.EventItem{event}); err != nil {
			t.Fatal(err)
		}
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "LAST ") || !strings.HasPrefix(lines[2], "LAST ") || !strings.HasPrefix(lines[3], "2026-11-25T09:30:00Z  ") {
		t.Errorf("want a heading, a row, a heading and two rows:\n%s", out.String())
	}
	for _, line := range lines {
		if columnsOf(line) > 80 {
			t.Errorf("a line is too wide:\n%s", out.String())
		}
	}
}

func TestWhoWatchesSeesProblemsAndWhatIsGone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	table := report.NewBindingTable(report.Style{Now: atHour(12)})
	all := fleet()[1:2]
	if err := table.Begin(&out, report.BindingView{Statuses: all, Problems: problems()}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "! the source of declarations has given no usable answer") {
		t.Errorf("what is down is not above the table:\n%s", out.String())
	}
	out.Reset()
	down := report.Problems{Unanswered: problems().Unanswered[1:2]}
	if err := table.Write(&out, report.BindingView{Problems: down}, []report.BindingRow{report.NewBindingRow(all[0])}); err != nil {
		t.Fatal(err)
	}
	const want = "! Vault has given no usable answer since 2026-11-28T12:00:00Z (Sealed): unseal it\nedge-shanghai/平台-codeup is no longer there\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestProblemsAreTheSameInOtherWords(t *testing.T) {
	t.Parallel()
	reworded := problems()
	reworded.Unanswered[0].Message = "connection reset, request 7"
	for name, tt := range map[string]struct {
		other report.Problems
		same  bool
	}{
		"the same":                 {problems(), true},
		"in other words":           {reworded, true},
		"a part answers":           {report.Problems{Unanswered: problems().Unanswered[1:], BrokenFiles: problems().BrokenFiles, Refused: problems().Refused}, false},
		"a file is whole":          {report.Problems{Unanswered: problems().Unanswered, BrokenFiles: problems().BrokenFiles[1:], Refused: problems().Refused}, false},
		"nothing is refused":       {report.Problems{Unanswered: problems().Unanswered, BrokenFiles: problems().BrokenFiles}, false},
		"an instance is not right": {report.Problems{Unanswered: problems().Unanswered, BrokenFiles: problems().BrokenFiles, Refused: problems().Refused, Instances: []report.InstanceCondition{{Instance: "prod"}}}, false},
	} {
		if got := problems().Same(tt.other); got != tt.same {
			t.Errorf("%s: the same is %v", name, got)
		}
	}
}

func TestYAMLHasTheFieldsOfTheJSONAndNothingForTheTerminal(t *testing.T) {
	t.Parallel()
	s := fleet()[0]
	s.Spec.Username = "\u202eevil\x1b[31m"
	s.File = "yes"
	var text, data bytes.Buffer
	list := report.NewBindingList([]binding.Status{s})
	if err := errors.Join(report.YAML(&text, list), report.JSON(&data, list)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsFunc(text.String(), func(r rune) bool { return r == '\u202e' || r == '\x1b' }) {
		t.Errorf("it reaches the terminal: %q", text.String())
	}
	var got, want any
	if err := errors.Join(yaml.Unmarshal(text.Bytes(), &got), yaml.Unmarshal(data.Bytes(), &want)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-json +yaml:\n%s", diff)
	}
}
