package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// window makes a window from "CRON for LENGTH in ZONE".
func window(t testing.TB, text string) plan.Window {
	t.Helper()
	expr, rest, _ := strings.Cut(text, " for ")
	length, name, _ := strings.Cut(rest, " in ")
	schedule, err := plan.ParseSchedule(expr)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	d, err := time.ParseDuration(length)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Window{Schedule: schedule, Zone: zone(t, name), Length: d}
}

func windows(t testing.TB, allow, deny []string) plan.Windows {
	t.Helper()
	var w plan.Windows
	for _, text := range allow {
		w.Allow = append(w.Allow, window(t, text))
	}
	for _, text := range deny {
		w.Deny = append(w.Deny, window(t, text))
	}
	return w
}

func moment(t testing.TB, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestWindows(t *testing.T) {
	nightly := []string{"0 22 * * 1-5 for 8h in Asia/Shanghai"}
	for _, tt := range []struct {
		name        string
		allow, deny []string
		at          string
		open        bool
		// until is empty if nothing changes.
		until string
	}{
		{"no windows", nil, nil, "2026-11-25T10:00:00Z", true, ""},

		{"before it opens", nightly, nil, "2026-11-25T21:59:59+08:00", false, "2026-11-25T22:00:00+08:00"},
		{"as it opens", nightly, nil, "2026-11-25T22:00:00+08:00", true, "2026-11-26T06:00:00+08:00"},
		{"after midnight", nightly, nil, "2026-11-26T01:00:00+08:00", true, "2026-11-26T06:00:00+08:00"},
		{"as it closes", nightly, nil, "2026-11-26T06:00:00+08:00", false, "2026-11-26T22:00:00+08:00"},
		{"Friday's goes on on Saturday", nightly, nil, "2026-11-28T05:59:59+08:00", true, "2026-11-28T06:00:00+08:00"},
		{"over the weekend", nightly, nil, "2026-11-28T06:00:00+08:00", false, "2026-11-30T22:00:00+08:00"},

		{"denied", nil, []string{"0 9 * * * for 2h in UTC"}, "2026-11-25T10:00:00Z", false, "2026-11-25T11:00:00Z"},
		{"not denied", nil, []string{"0 9 * * * for 2h in UTC"}, "2026-11-25T11:00:00Z", true, "2026-11-26T09:00:00Z"},
		{
			"deny wins", nightly,
			[]string{"0 0 * * 4 for 1h in Asia/Shanghai"},
			"2026-11-26T00:30:00+08:00", false, "2026-11-26T01:00:00+08:00",
		},
		{
			"open until denied", nightly,
			[]string{"0 0 * * 4 for 1h in Asia/Shanghai"},
			"2026-11-25T23:00:00+08:00", true, "2026-11-26T00:00:00+08:00",
		},
		{
			"a freeze that hides openings", nightly,
			[]string{"0 0 20 12 * for 360h in Asia/Shanghai"},
			"2026-12-19T12:00:00+08:00", false, "2027-01-04T22:00:00+08:00",
		},
		{
			"freezes that follow each other", nil,
			[]string{"0 0 1 * * for 24h in UTC", "0 0 2 * * for 24h in UTC"},
			"2026-12-01T10:00:00Z", false, "2026-12-03T00:00:00Z",
		},
		{
			"windows that overlap",
			[]string{"0 8 * * * for 4h in UTC", "0 10 * * * for 6h in UTC"},
			nil,
			"2026-11-25T09:00:00Z", true, "2026-11-25T16:00:00Z",
		},
		{"a window that overlaps itself", []string{"0 */6 * * * for 8h in UTC"}, nil, "2026-11-25T09:00:00Z", true, ""},
		{
			"two zones",
			[]string{"0 9 * * * for 2h in America/New_York", "0 9 * * * for 2h in Asia/Shanghai"},
			nil,
			"2026-11-25T12:00:00Z", false, "2026-11-25T14:00:00Z",
		},

		{"the end of a short month", []string{"0 0 31 * * for 24h in UTC"}, nil, "2026-11-25T00:00:00Z", false, "2026-12-31T00:00:00Z"},
		{"over the end of a month", []string{"0 20 31 * * for 12h in UTC"}, nil, "2027-02-01T07:59:00Z", true, "2027-02-01T08:00:00Z"},
		{"the leap day", []string{"0 12 29 2 * for 24h in UTC"}, nil, "2026-11-25T00:00:00Z", false, "2028-02-29T12:00:00Z"},
		{"on the leap day", []string{"0 12 29 2 * for 24h in UTC"}, nil, "2028-03-01T11:00:00Z", true, "2028-03-01T12:00:00Z"},
		{"either day is enough", []string{"0 0 13 * 5 for 24h in UTC"}, nil, "2026-11-25T00:00:00Z", false, "2026-11-27T00:00:00Z"},
		{"both days have to fit", []string{"0 0 */2 * 5 for 24h in UTC"}, nil, "2026-11-28T00:00:00Z", false, "2026-12-11T00:00:00Z"},
		{"Sunday is 7 too", []string{"0 0 * * 5-7 for 1h in UTC"}, nil, "2026-11-28T12:00:00Z", false, "2026-11-29T00:00:00Z"},
		{"names", []string{"0 0 * jan mon-wed for 1h in UTC"}, nil, "2026-11-28T12:00:00Z", false, "2027-01-04T00:00:00Z"},

		// Berlin: the clock changes from 02:00 to 03:00 on 2026-03-29, and from
		// 03:00 to 02:00 on 2026-10-25.
		{"begins in the hour jumped over", []string{"30 2 * * * for 1h in Europe/Berlin"}, nil, "2026-03-29T01:59:59+01:00", false, "2026-03-29T03:00:00+02:00"},
		{"begun in the hour jumped over", []string{"30 2 * * * for 1h in Europe/Berlin"}, nil, "2026-03-29T03:59:59+02:00", true, "2026-03-29T04:00:00+02:00"},
		{"denied in the hour jumped over", nil, []string{"30 2 * * * for 1h in Europe/Berlin"}, "2026-03-29T03:00:00+02:00", false, "2026-03-29T04:00:00+02:00"},
		{"over the jump it lasts its length", []string{"0 22 * * * for 8h in Europe/Berlin"}, nil, "2026-03-29T06:59:00+02:00", true, "2026-03-29T07:00:00+02:00"},
		{"over the fall it lasts its length", []string{"0 22 * * * for 8h in Europe/Berlin"}, nil, "2026-10-25T04:59:00+01:00", true, "2026-10-25T05:00:00+01:00"},
		{"the first of the two hours", []string{"30 2 * * * for 10m in Europe/Berlin"}, nil, "2026-10-25T02:00:00+02:00", false, "2026-10-25T02:30:00+02:00"},
		{"the second of the two hours", []string{"30 2 * * * for 10m in Europe/Berlin"}, nil, "2026-10-25T02:00:00+01:00", false, "2026-10-25T02:30:00+01:00"},
		{"the second of the two hours, back", []string{"30 2 * * * for 10m in Europe/Berlin"}, nil, "2026-10-25T02:39:00+01:00", true, "2026-10-25T02:40:00+01:00"},
		{"the first of the two hours, back", []string{"30 2 * * * for 2h in Europe/Berlin"}, nil, "2026-10-25T02:29:00+01:00", true, "2026-10-25T04:30:00+01:00"},
		{"every hour, through the fall", []string{"0 * * * * for 1h in Europe/Berlin"}, []string{"0 0 26 10 * for 1h in UTC"}, "2026-10-24T00:00:00Z", true, "2026-10-26T00:00:00Z"},
		{"every hour, through the jump", []string{"0 * * * * for 1h in Europe/Berlin"}, []string{"0 0 30 3 * for 1h in UTC"}, "2026-03-28T00:00:00Z", true, "2026-03-30T00:00:00Z"},
		// New York: 2026-03-08 and 2026-11-01.
		{"New York, jumped over", []string{"15 2 * * 0 for 1h in America/New_York"}, nil, "2026-03-07T12:00:00-05:00", false, "2026-03-08T03:00:00-04:00"},
		{"New York, after the jump", []string{"0 3 * * 0 for 1h in America/New_York"}, nil, "2026-03-07T12:00:00-05:00", false, "2026-03-08T03:00:00-04:00"},
		{"New York, twice", []string{"0 1 * * 0 for 30m in America/New_York"}, nil, "2026-11-01T01:30:00-04:00", false, "2026-11-01T01:00:00-05:00"},
		{"New York, the day after", []string{"0 1 * * 0 for 30m in America/New_York"}, nil, "2026-11-01T01:30:00-05:00", false, "2026-11-08T01:00:00-05:00"},
		{"Shanghai has no such thing", []string{"30 2 * * * for 1h in Asia/Shanghai"}, nil, "2026-03-28T19:00:00Z", true, "2026-03-28T19:30:00Z"},
		// Samoa skipped 2011-12-30.
		{"a day jumped over", []string{"0 12 30 * * for 6h in Pacific/Apia"}, nil, "2011-12-30T09:00:00Z", false, "2011-12-30T10:00:00Z"},

		{"allowed only while denied", []string{"0 9 * * * for 1h in UTC"}, []string{"0 8 * * * for 3h in UTC"}, "2026-11-25T00:00:00Z", false, ""},
		{"denied at any time", nil, []string{"* * * * * for 1m in UTC"}, "2026-11-25T00:00:00Z", false, ""},
		{"denied minute by minute for two days", nil, []string{"* * 1-2 * * for 1m in UTC"}, "2026-11-01T00:00:30Z", false, "2026-11-03T00:00:00Z"},
		{"for more minutes than are looked at", nil, []string{"* * 1-3 * * for 1m in UTC"}, "2026-11-01T00:00:30Z", false, ""},
		{"allowed minute by minute for two days", []string{"* * 1-2 * * for 1m in UTC"}, nil, "2026-11-01T00:00:30Z", true, "2026-11-03T00:00:00Z"},
		{"allowed for more than are looked at", []string{"* * 1-3 * * for 1m in UTC"}, nil, "2026-11-01T00:00:30Z", true, ""},
		{"never", []string{"0 0 30 2 * for 1h in UTC"}, nil, "2026-11-25T00:00:00Z", false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := moment(t, tt.at)
			w := windows(t, tt.allow, tt.deny)
			got := w.At(at)
			var until time.Time
			if tt.until != "" {
				until = moment(t, tt.until)
			}
			if got.Open != tt.open || !got.Until.Equal(until) || got.Why.IsZero() {
				t.Errorf("at %s: open %v until %s (%s); want %v until %s", at, got.Open, got.Until, text(got.Why), tt.open, until)
			}
			if w.Open(at) != tt.open {
				t.Errorf("Open says %v", !tt.open)
			}
		})
	}
}

// TestWhatCannotBeEvaluatedIsClosed checks that nothing is changed unless it is
// known to be allowed.
func TestWhatCannotBeEvaluatedIsClosed(t *testing.T) {
	good := window(t, "* * * * * for 1h in UTC")
	for name, change := range map[string]func(*plan.Window){
		"no schedule":    func(w *plan.Window) { w.Schedule = plan.Schedule{} },
		"no zone":        func(w *plan.Window) { w.Zone = nil },
		"no length":      func(w *plan.Window) { w.Length = 0 },
		"not a minute":   func(w *plan.Window) { w.Length = 59 * time.Second },
		"backwards":      func(w *plan.Window) { w.Length = -time.Hour },
		"over a month":   func(w *plan.Window) { w.Length = plan.MaxWindow + 1 },
		"nothing at all": func(w *plan.Window) { *w = plan.Window{} },
	} {
		bad := good
		change(&bad)
		if bad.Check() == nil {
			t.Errorf("%s: no error", name)
		}
		for where, w := range map[string]plan.Windows{
			"allow":           {Allow: []plan.Window{bad}},
			"deny":            {Deny: []plan.Window{bad}},
			"allow besides":   {Allow: []plan.Window{good, bad}},
			"deny besides":    {Allow: []plan.Window{good}, Deny: []plan.Window{bad}},
			"in both of them": {Allow: []plan.Window{bad}, Deny: []plan.Window{bad}},
		} {
			state := w.At(noon())
			if state.Open || w.Open(noon()) || state.Why.ID != "window.unknown" {
				t.Errorf("%s in %s: %+v", name, where, state)
			}
		}
	}
}

func TestWindowsAreShownInTheirZone(t *testing.T) {
	w := windows(t, []string{"0 22 * * 1-5 for 8h in Asia/Shanghai"}, nil)
	state := w.At(moment(t, "2026-11-25T12:00:00Z"))
	if got, want := text(state.When()), "2026-11-25T14:00:00Z (Wed 2026-11-25 22:00 Asia/Shanghai)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := w.Allow[0].String(), `"0 22 * * 1-5" for 8h (Asia/Shanghai)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	utc := windows(t, nil, []string{"0 9 * * * for 90m in UTC"})
	if got, want := text(utc.At(moment(t, "2026-11-25T09:30:00Z")).When()), "2026-11-25T10:30:00Z"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := utc.Deny[0].String(), `"0 9 * * *" for 1h30m (UTC)`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := text((plan.WindowState{}).When()); got != "not in the next five years" {
		t.Errorf("got %s", got)
	}
}

// TestAClosedWindowChangesNoAction checks that a plan and its digest are the same
// inside and outside of windows, and that only outside it is reported to wait.
func TestAClosedWindowChangesNoAction(t *testing.T) {
	d := gitlabDeclaration()
	d.Spec.Repositories = []binding.Repository{repository()}
	lost := input(d)
	lost.Records = []binding.Record{applied(d)}
	byHand := input(d)
	byHand.Observation.Capabilities.Bind = false
	adopted := boundTo(input(gitlabDeclaration()), gitlabAccount())
	adopted.Records = []binding.Record{applied(gitlabDeclaration())}
	adopted.Records[0].DeletionPolicy = binding.Unbind
	settled := boundTo(input(gitlabDeclaration()), gitlabAccount())
	settled.Records = []binding.Record{applied(gitlabDeclaration())}
	unfinished := input(gitlabDeclaration())
	unfinished.Records = []binding.Record{applied(gitlabDeclaration())}
	unfinished.Intents = []binding.Intent{{Instance: "prod", Binding: d.Name, Platform: binding.GitLab, Action: "rebind", Object: binding.AccountObject()}}
	const closed = `instance prod may not be changed now (no window that allows is open). ` +
		`It opens 2026-11-22T14:00:00Z (Sun 2026-11-22 22:00 Asia/Shanghai).`
	for _, tt := range []struct {
		name    string
		in      plan.Input
		repairs bool
		want    string
	}{
		{"new", input(d), false, closed + " Actions that wait until then: 3."},
		{"new, with repairs let through", input(d), true, closed + " Actions that wait until then: 3."},
		{"lost", lost, false, closed + " Actions that wait until then: 3."},
		{"lost, with repairs let through", lost, true, closed + " Actions that wait until then: 2."},
		{"for a person", byHand, false, closed + " Steps for a person, who should wait too: 1."},
		{"adopted", adopted, false, ""},
		{"unfinished", unfinished, false, ""},
		{"as declared", settled, false, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			free := plan.Make(tt.in)
			tt.in.Windows = windows(t, []string{"0 22 * * * for 8h in Asia/Shanghai"}, nil)
			tt.in.Windows.LetRepairsThrough = tt.repairs
			shut := plan.Make(tt.in)
			tt.in.Now = tt.in.Now.Add(3 * time.Hour)
			open := plan.Make(tt.in)
			if shut.Digest() != free.Digest() || open.Digest() != free.Digest() {
				t.Errorf("digests %s, %s closed, %s open", free.Digest(), shut.Digest(), open.Digest())
			}
			if diff := cmp.Diff(free.Findings, open.Findings); diff != "" {
				t.Errorf("open, -without windows +with:\n%s", diff)
			}
			var got string
			for _, f := range shut.Findings {
				if f.Code == "window-closed" {
					got = report.English().Text(f.Message)
					if f.Severity == finding.Error {
						t.Error("it is an error")
					}
				}
			}
			if got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestWhatAClosedWindowLetsThrough checks which actions wait.
func TestWhatAClosedWindowLetsThrough(t *testing.T) {
	kinds := []plan.Kind{
		plan.Bind, plan.Rebind, plan.Unbind, plan.Authorize, plan.Manual, plan.Link, plan.Relink, plan.Unlink,
		plan.AddRule, plan.ChangeRule, plan.RemoveRule, plan.Adopt, plan.Noop, plan.Forbidden,
	}
	restoring := []plan.Kind{plan.Bind, plan.Link, plan.AddRule}
	never := []plan.Kind{plan.Adopt, plan.Noop, plan.Forbidden}
	for _, kind := range kinds {
		for _, cause := range plan.Causes() {
			if cause == plan.CauseUnfinished {
				continue
			}
			repair := cause == plan.CauseDrift
			for _, let := range []bool{false, true} {
				a := plan.Action{Kind: kind, Cause: cause}
				through := repair && let && slices.Contains(restoring, kind)
				want := !through && !slices.Contains(never, kind)
				if got := a.NeedsWindow(plan.Windows{LetRepairsThrough: let}); got != want {
					t.Errorf("%s, repair %v, let through %v: waits %v", kind, repair, let, got)
				}
			}
		}
		if a := (plan.Action{Kind: kind, Cause: plan.CauseUnfinished}); a.NeedsWindow(plan.Windows{}) {
			t.Errorf("%s that ends what we began waits", kind)
		}
	}
}
