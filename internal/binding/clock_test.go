package binding_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	_ "reconciler/internal/report" // The texts of errors.
)

// TestKind12PauseIsBoundedOnBothSides: whatever an answer asks for, and
// whichever clock is wrong, there is a pause and it ends.
func TestKind12PauseIsBoundedOnBothSides(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		asked, sent string
		want        time.Duration
		ok          bool
	}{
		"zero seconds":                        {"0", "", time.Second, true},
		"seconds":                             {" 7 ", "", 7 * time.Second, true},
		"more seconds than there are":         {"99999999999", "", time.Hour, true},
		"a date gone by":                      {"Sun, 22 Nov 2020 12:00:09 GMT", "", time.Second, true},
		"a date":                              {"Sun, 22 Nov 2026 12:00:09 GMT", "", 9 * time.Second, true},
		"a date, and our clock is ahead":      {"Thu, 22 Oct 2026 12:00:30 GMT", "Thu, 22 Oct 2026 12:00:00 GMT", 30 * time.Second, true},
		"a date, and our clock is behind":     {"Tue, 22 Dec 2026 12:00:30 GMT", "Tue, 22 Dec 2026 12:00:00 GMT", 30 * time.Second, true},
		"a date that no clock makes sense of": {"Tue, 22 Dec 2099 12:00:30 GMT", "Tue, 22 Dec 2026 12:00:00 GMT", time.Hour, true},
		"a date of the form of RFC 850":       {"Sunday, 22-Nov-26 12:00:09 GMT", "", 9 * time.Second, true},
		"nothing":                             {"", "", 0, false},
		"nonsense":                            {"soon", "Sun, 22 Nov 2026 12:00:09 GMT", 0, false},
		"seconds below zero":                  {"-1", "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := binding.AskedPause(tt.asked, tt.sent, now)
			if got != tt.want || ok != tt.ok {
				t.Errorf("%s, %v; want %s, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// TestKind12TermOfAClockThatWasAhead: a term that began in the future begins now.
func TestKind12TermOfAClockThatWasAhead(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	ahead := binding.TermOf(now.AddDate(0, 0, 30), time.Minute)
	if left := ahead.Remaining(now); left != time.Minute {
		t.Errorf("left: %s, want a minute", left)
	}
	if ahead.Holds(now) || !binding.TermOf(now, time.Minute).Holds(now.Add(time.Second)) || binding.TermOf(now, time.Minute).Holds(now.Add(time.Minute)) {
		t.Error("a term holds from its beginning to its end")
	}
	if began := ahead.At(now).Began; !began.Equal(now) {
		t.Errorf("it begins at %s, want now", began)
	}
	if got := binding.Past(now.Add(time.Hour), now); !got.Equal(now) {
		t.Errorf("past: %s", got)
	}
	if got := binding.Past(now.Add(-time.Hour), now); !got.Equal(now.Add(-time.Hour)) {
		t.Errorf("past: %s", got)
	}
}
