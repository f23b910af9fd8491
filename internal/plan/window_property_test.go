package plan_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/plan"
)

// cronField is one drawn field of a cron expression, with the numbers that it
// means. Schedules are compared with it, and it shares no code with them.
type cronField struct {
	text string
	any  bool
	set  [60]bool
}

func drawCronField(t *rapid.T, label string, least, most int) cronField {
	var f cronField
	add := func(from, to, step int) {
		for i := from; i <= to; i += step {
			f.set[i] = true
		}
	}
	if rapid.IntRange(0, 3).Draw(t, label+" any") == 0 {
		return cronField{text: "*", any: true}
	}
	var items []string
	for n := rapid.IntRange(1, 2).Draw(t, label+" items"); n > 0; n-- {
		from := rapid.IntRange(least, most).Draw(t, label+" from")
		to := rapid.IntRange(from, most).Draw(t, label+" to")
		step := rapid.IntRange(1, max(1, most/2)).Draw(t, label+" step")
		switch rapid.IntRange(0, 3).Draw(t, label+" form") {
		case 0:
			items = append(items, "*/"+strconv.Itoa(step))
			add(least, most, step)
		case 1:
			items = append(items, strconv.Itoa(from))
			add(from, from, 1)
		case 2:
			items = append(items, fmt.Sprintf("%d-%d", from, to))
			add(from, to, 1)
		default:
			items = append(items, fmt.Sprintf("%d-%d/%d", from, to, step))
			add(from, to, step)
		}
	}
	f.text, f.any = strings.Join(items, ","), strings.HasPrefix(items[0], "*")
	return f
}

// cronWindow is a drawn window and its meaning.
type cronWindow struct {
	plan.Window
	minute, hour, day, month, weekday cronField
}

func drawCronWindow(t *rapid.T, label string) cronWindow {
	w := cronWindow{
		minute: drawCronField(t, label+" minute", 0, 59), hour: drawCronField(t, label+" hour", 0, 23),
		day: drawCronField(t, label+" day", 1, 31), month: drawCronField(t, label+" month", 1, 12),
		weekday: drawCronField(t, label+" weekday", 0, 7),
	}
	// Most drawn days and months would be far from the drawn time.
	if rapid.IntRange(0, 2).Draw(t, label+" any day") > 0 {
		w.day, w.month = cronField{text: "*", any: true}, cronField{text: "*", any: true}
		if rapid.Bool().Draw(t, label+" any weekday") {
			w.weekday = cronField{text: "*", any: true}
		}
	}
	schedule, err := plan.ParseSchedule(strings.Join([]string{w.minute.text, w.hour.text, w.day.text, w.month.text, w.weekday.text}, " "))
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation(rapid.SampledFrom([]string{
		"UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
	}).Draw(t, label+" zone"))
	if err != nil {
		t.Fatal(err)
	}
	minutes := rapid.OneOf(rapid.IntRange(1, 90), rapid.IntRange(1, 26*60)).Draw(t, label+" minutes")
	w.Window = plan.Window{Schedule: schedule, Zone: zone, Length: time.Duration(minutes) * time.Minute}
	return w
}

func (f cronField) has(n int) bool { return f.text == "*" || f.set[n] }

// comes reports whether the schedule matches a local time.
func (w cronWindow) comes(wall time.Time) bool {
	if !w.minute.has(wall.Minute()) || !w.hour.has(wall.Hour()) || !w.month.has(int(wall.Month())) {
		return false
	}
	day, weekday := w.day.has(wall.Day()), w.weekday.has(int(wall.Weekday())) || wall.Weekday() == time.Sunday && w.weekday.has(7)
	if w.day.any || w.weekday.any {
		return day && weekday
	}
	return day || weekday
}

// opened marks the minutes from start on that the spans of a window cover. A span
// begins at a minute when the local clock shows its time, or skips it.
func (w cronWindow) opened(start time.Time, minutes int) []bool {
	covered, left, shown := make([]bool, minutes), 0, time.Time{}
	for i := -int(w.Length / time.Minute); i < minutes; i++ {
		at := start.Add(time.Duration(i) * time.Minute)
		_, offset := at.In(w.Zone).Zone()
		now := at.UTC().Add(time.Duration(offset) * time.Second)
		begins := w.comes(now)
		for wall := shown.Add(time.Minute); !shown.IsZero() && wall.Before(now); wall = wall.Add(time.Minute) {
			begins = begins || w.comes(wall)
		}
		if shown = now; begins {
			left = int(w.Length / time.Minute)
		}
		if i >= 0 {
			covered[i] = left > 0
		}
		left--
	}
	return covered
}

// TestWindowsAgreeWithCountingMinutes compares windows with a count of every
// minute: both agree whether the windows are open, nothing changes until the next
// reported change, and that is a change. Most times are near a change of the local
// clock.
func TestWindowsAgreeWithCountingMinutes(t *testing.T) {
	changes := []time.Time{
		time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), // Berlin
		time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC), // New York
		time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 15, 30, 0, 0, time.UTC), // Lord Howe, by half an hour
		time.Date(2026, 2, 15, 2, 0, 0, 0, time.UTC), time.Date(2026, 3, 22, 2, 0, 0, 0, time.UTC), // Casablanca
		time.Date(2028, 2, 28, 23, 0, 0, 0, time.UTC), time.Date(2026, 12, 31, 16, 0, 0, 0, time.UTC),
	}
	const minutes = 30 * 60
	rapid.Check(t, func(t *rapid.T) {
		var w plan.Windows
		var allow, deny []cronWindow
		for i := range rapid.IntRange(0, 2).Draw(t, "allow") {
			allow = append(allow, drawCronWindow(t, fmt.Sprint("allow ", i)))
			w.Allow = append(w.Allow, allow[i].Window)
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "deny") {
			deny = append(deny, drawCronWindow(t, fmt.Sprint("deny ", i)))
			w.Deny = append(w.Deny, deny[i].Window)
		}
		start := rapid.SampledFrom(changes).Draw(t, "change").Add(time.Duration(rapid.IntRange(-28*60, 60).Draw(t, "before")) * time.Minute)
		want := make([]bool, minutes)
		for i := range want {
			want[i] = len(allow) == 0
		}
		for _, a := range allow {
			for i, covered := range a.opened(start, minutes) {
				want[i] = want[i] || covered
			}
		}
		for _, d := range deny {
			for i, covered := range d.opened(start, minutes) {
				want[i] = want[i] && !covered
			}
		}
		at := start.Add(time.Duration(rapid.IntRange(0, 59).Draw(t, "second")) * time.Second)
		got := w.At(at)
		if got.Why.ID == "window.unknown" {
			t.Skip("a schedule that comes less than once in many years, which a configuration may not have")
		}
		if got.Open != want[0] {
			t.Fatalf("at %s: open %v (%s), want %v: %v", at, got.Open, text(got.Why), want[0], w)
		}
		next := slices.Index(want, !want[0])
		switch {
		case next >= 0 && !got.Until.Equal(start.Add(time.Duration(next)*time.Minute)):
			t.Fatalf("at %s: until %s, want %s: %v", at, got.Until, start.Add(time.Duration(next)*time.Minute), w)
		case next < 0 && !got.Until.IsZero() && got.Until.Before(start.Add(minutes*time.Minute)):
			t.Fatalf("at %s: until %s, and nothing changes then: %v", at, got.Until, w)
		}
		if !got.Until.IsZero() && (!got.Until.After(at) || w.Open(got.Until) == got.Open) {
			t.Fatalf("at %s: nothing changes at %s: %v", at, got.Until, w)
		}
	})
}

// FuzzParseSchedule checks that no text makes the parser panic, or gives a schedule
// that cannot be evaluated in limited time.
func FuzzParseSchedule(f *testing.F) {
	for _, expr := range []string{
		"0 22 * * 1-5", "*/15 8-18/2 1,15 JAN-MAR MON,WED", "0 0 30 2 *", "* * * * *", "59 23 31 12 7", "0 0 29 2 0-7/7",
		"", "@daily", "* * L * *", "0 0 * * 5#3", "1-2-3 * * * *", "TZ=UTC * * * * *", "* * * * * *", "*/0 * * * *", "００ * * * *",
	} {
		f.Add(expr, int64(1_790_000_000), int64(90))
	}
	f.Fuzz(func(t *testing.T, expr string, unix, minutes int64) {
		schedule, err := plan.ParseSchedule(expr)
		if err != nil {
			if schedule != (plan.Schedule{}) || err.Error() == "" {
				t.Fatalf("%q: %v with an error %q", expr, schedule, err)
			}
			return
		}
		again, err := plan.ParseSchedule(schedule.String())
		if err != nil || again != schedule {
			t.Fatalf("%q is %q, and that %q: %v", expr, schedule, again, err)
		}
		at := time.Unix(unix%10_000_000_000, 0).UTC()
		length := plan.MinWindow + time.Duration(uint64(minutes)%(31*24*60-1))*time.Minute
		window := plan.Window{Schedule: schedule, Zone: time.UTC, Length: length}
		if err := window.Check(); err != nil {
			t.Fatal(err)
		}
		for _, w := range []plan.Windows{{Allow: []plan.Window{window}}, {Deny: []plan.Window{window}}} {
			got := w.At(at)
			if got.Open != w.Open(at) || !got.Until.IsZero() && w.Open(got.Until) == got.Open {
				t.Fatalf("%q for %s at %s: %+v", expr, length, at, got)
			}
		}
	})
}
