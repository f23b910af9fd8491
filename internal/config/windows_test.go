package config

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/finding"
	"reconciler/internal/report"
)

// placed is a finding's code and place.
type placed struct {
	Code, Path   string
	Line, Column int
}

func TestWindowsThatCannotBeAreRefused(t *testing.T) {
	const rest = "source: {folder: {path: bindings}}\ninstances: [{name: prod, region: cn-hangzhou}]\n"
	for _, tt := range []struct {
		name, text string
		want       []placed
		says       string
	}{
		{"no cron", rest + "windows: {allow: [{schedule: daily, duration: 1h}]}\n", []placed{{"window-schedule", "windows.allow[0].schedule", 5, 30}}, "it has 1 field, not 5"},
		{"no such hour", rest + "windows: {deny: [{schedule: \"0 24 * * *\", duration: 1h}]}\n", []placed{{"window-schedule", "windows.deny[0].schedule", 5, 29}}, `hour "24"`},
		{"no time at all", rest + "windows: {allow: [{schedule: 0 22 * * *, duration: 0s}]}\n", []placed{{"window-duration", "windows.allow[0].duration", 5, 52}}, "is 0s, not from 1m to 744h"},
		{"seconds", rest + "windows: {allow: [{schedule: 0 22 * * *, duration: 59s}]}\n", []placed{{"window-duration", "windows.allow[0].duration", 5, 52}}, "is 59s"},
		{"over a month", rest + "windows: {allow: [{schedule: 0 22 * * *, duration: 745h}]}\n", []placed{{"window-duration", "windows.allow[0].duration", 5, 52}}, "is 745h0m0s"},
		{"unknown zone", rest + "windows: {allow: [{schedule: 0 22 * * *, duration: 1h, timeZone: Asia/Hangzhou}]}\n", []placed{{"window-time-zone", "windows.allow[0].timeZone", 5, 66}}, `"Asia/Hangzhou" is not a known time zone`},
		{"the machine's zone", rest + "windows: {timeZone: Local}\n", []placed{{"window-time-zone", "windows.timeZone", 5, 21}}, `"Local" is not a known time zone`},
		{"a path", rest + "windows: {timeZone: ../../etc/passwd}\n", []placed{{"window-time-zone", "windows.timeZone", 5, 21}}, "is not a known time zone"},
		{"a day that no month has", rest + "windows: {deny: [{schedule: 0 0 30 2 *, duration: 1h}]}\n", []placed{{"window-never-opens", "windows.deny[0].schedule", 5, 29}}, "never matches"},
		{
			"denied whenever allowed", rest + "windows: {allow: [{schedule: 0 22 * * *, duration: 1h}], deny: [{schedule: 0 0 * * *, duration: 25h}]}\n",
			[]placed{{"window-never-opens", "windows", 5, 10}},
			"nothing would ever be changed",
		},
		{
			"of one instance", "source: {folder: {path: bindings}}\ninstances:\n  - {name: a, region: cn-hangzhou, windows: {deny: [{schedule: x, duration: 1h}]}}\n",
			[]placed{{"window-schedule", "instances[0].windows.deny[0].schedule", 5, 64}},
			"it has 1 field",
		},
		{"no duration", rest + "windows: {allow: [{schedule: 0 22 * * *}]}\n", []placed{{"field-missing", "windows.allow[0].duration", 5, 19}}, ""},
		{"a number", rest + "windows: {allow: [{schedule: 0 22 * * *, duration: 8}]}\n", []placed{{"text-quoted", "windows.allow[0].duration", 5, 52}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			config, found := load(t, head+tt.text)
			var got []placed
			for _, f := range found {
				got = append(got, placed{f.Code, f.Path, f.Line, f.Column})
				if !strings.Contains(report.English().Text(f.Message), tt.says) {
					t.Errorf("message %q does not say %q", report.English().Text(f.Message), tt.says)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || !finding.HasErrors(found) {
				t.Errorf("-want +got:\n%s", diff)
			}
			// Nobody should use such a configuration; whoever does, changes nothing.
			if len(config.Instances) > 0 && (config.Windows.Allow != nil || config.Windows.Deny != nil) {
				if w := config.WindowsOf(config.Instances[0]); w.Open(time.Date(2026, 11, 25, 22, 30, 0, 0, time.UTC)) && tt.says != "never matches" {
					t.Error("it is open")
				}
			}
		})
	}
}

func TestWindowsOfAnInstanceStandInPlaceOfTheOthers(t *testing.T) {
	config, found := load(t, head+`source: {folder: {path: bindings}}
windows:
  timeZone: Asia/Shanghai
  allow: [{schedule: "0 22 * * 1-5", duration: 8h}, {schedule: "0 10 * * 6", duration: 90m, timeZone: Europe/Berlin}]
  letRepairsThrough: true
instances:
  - {name: a, region: cn-hangzhou}
  - {name: b, region: cn-hangzhou, windows: {}}
  - {name: c, region: cn-hangzhou, windows: {deny: [{schedule: "0 8 * * *", duration: 10h}]}}
`)
	if len(found) > 0 {
		t.Fatalf("findings: %v", found)
	}
	var got []string
	for _, i := range config.Instances {
		w := config.WindowsOf(i)
		text := i.Name
		for _, a := range w.Allow {
			text += " allow " + a.String()
		}
		for _, d := range w.Deny {
			text += " deny " + d.String()
		}
		if w.LetRepairsThrough {
			text += " repairs"
		}
		got = append(got, text)
	}
	want := []string{
		`a allow "0 22 * * 1-5" for 8h (Asia/Shanghai) allow "0 10 * * 6" for 1h30m (Europe/Berlin) repairs`,
		"b",
		`c deny "0 8 * * *" for 10h (UTC)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestWindowsThatWereNotCheckedAreClosed holds the second line: even where
// nobody looked at the findings, what cannot be evaluated is closed.
func TestWindowsThatWereNotCheckedAreClosed(t *testing.T) {
	good := Window{Schedule: "* * * * *", Duration: time.Hour, TimeZone: "UTC"}
	for name, bad := range map[string]Window{
		"schedule": {Schedule: "x", Duration: time.Hour, TimeZone: "UTC"},
		"zone":     {Schedule: "* * * * *", Duration: time.Hour, TimeZone: "Mars/Olympus"},
		"no zone":  {Schedule: "* * * * *", Duration: time.Hour},
		"duration": {Schedule: "* * * * *", TimeZone: "UTC"},
	} {
		for _, windows := range []Windows{{Allow: []Window{good, bad}}, {Deny: []Window{bad}}} {
			config := Config{Windows: windows}
			if config.WindowsOf(Instance{}).Open(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)) {
				t.Errorf("%s: open", name)
			}
		}
	}
	if w := (&Config{Windows: Windows{Allow: []Window{good}}}).WindowsOf(Instance{}); !w.Open(time.Now()) || w.LetRepairsThrough {
		t.Errorf("a good window: %+v", w.At(time.Now()))
	}
}

// TestTheProgramBringsTimeZonesAlong holds that zones are found in the image,
// which has no file of them.
func TestTheProgramBringsTimeZonesAlong(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "reconciler/cmd/reconciler").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Fields(string(out)), "time/tzdata") {
		t.Error("time/tzdata is not in the program")
	}
}
