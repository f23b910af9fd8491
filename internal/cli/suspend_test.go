package cli

import (
	"testing"
	"time"
)

func TestTheEndOfASuspensionIsADayATimeOrALength(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"2026-12-24":                "2026-12-25T00:00:00Z",
		"2026-12-24T08:00:00+08:00": "2026-12-24T00:00:00Z",
		"90m":                       "2026-11-25T13:30:00Z",
		"7d":                        "2026-12-02T12:00:00Z",
		"":                          "", "0s": "", "0d": "", "-1h": "", "-1d": "", "d": "", "1.5d": "", "99999d": "",
		"2026-13-01": "", "tomorrow": "", "2026-12-24 08:00": "",
	} {
		got, err := parseUntil(text, now)
		if (err != nil) != (want == "") || err == nil && got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%q: got %v, %v, want %q", text, got, err, want)
		}
	}
}
