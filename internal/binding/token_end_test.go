package binding

import (
	"testing"
	"time"
)

func TestLifetimeCountsCalendarDays(t *testing.T) {
	day, err := ParseDate("2027-01-31")
	if err != nil {
		t.Fatal(err)
	}
	declared := Token{Expires: day}.End()
	for now, want := range map[string]struct {
		left Lifetime
		days int
	}{
		"2026-12-01T00:00:00Z": {StaysValid, 61},
		"2026-12-31T23:59:59Z": {StaysValid, 31},
		"2027-01-01T00:00:00Z": {EndsSoon, 30},
		"2027-01-31T23:59:59Z": {EndsSoon, 0},
		"2027-02-01T00:00:00Z": {Ended, -1},
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if left, days := declared.Lifetime(at, []int{30, 7}); left != want.left || days != want.days {
			t.Errorf("at %s: %d, %d days; want %d, %d", now, left, days, want.left, want.days)
		}
	}
	if left, _ := (Token{}).End().Lifetime(time.Now(), []int{30}); left != EndUnknown {
		t.Errorf("without an end: %d", left)
	}
}

func TestEarliestEndSkipsUnknownOnes(t *testing.T) {
	early, late := TokenEnd{At: time.Unix(1, 0), Source: "vault"}, TokenEnd{At: time.Unix(2, 0), Source: "host"}
	if got := EarliestEnd(TokenEnd{}, late, early); got != early {
		t.Errorf("got %v", got)
	}
	if got := EarliestEnd(TokenEnd{}); got != (TokenEnd{}) {
		t.Errorf("got %v", got)
	}
}
