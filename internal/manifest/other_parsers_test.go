package manifest_test

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
)

// bare is a declaration with a text that has no quotes, and its place.
func bare(text string) string {
	return document("a", "\n  instance: p\n  platform: bitbucket\n  username: me\n"+
		"  suspend:\n    until: 2027-01-01\n    owner: ann\n    reason: "+text)
}

func TestTextsThatAnotherParserTakesForSomethingElseNeedQuotes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"61e9540", "1e999", "-1e999", "+7E+400", "1.5e9999", ".5e1", ".5e999", "1_0e999", ".5_5", // exponents and fractions
		"0x1F", "0xFFFFFFFFFFFFFFFFFF", "-0x1_0000_0000_0000_0000", "0o17", "0o7777777777777777777777777", "0b" + strings.Repeat("1", 70),
		"00777", "08", "1_000", "1,000", "12:30", "190:20:30", "-1:59", "20:30.15", // to the base of 60
		"2001-12-14 21:59:43.10 -5", "2001-12-14T21:59:43", "2001-12-14t1:59:43Z", // times
		"61e40", "1.10", "yes", ".inf", ".NaN",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got := load(t, bare(text))
			if len(got.Findings) != 1 || got.Findings[0].Code != "text-quoted" || got.Findings[0].Path != "spec.suspend.reason" {
				t.Errorf("got %v, want text-quoted", got.Findings)
			}
			if got := load(t, bare(`"`+text+`"`)); len(got.Findings) != 0 {
				t.Errorf("in quotes: %v", got.Findings)
			}
		})
	}
}

func TestTextsThatEveryParserTakesForTextsNeedNoQuotes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1.2.3", "v1", "61e9540a", "e9540", "1e", "1e5x", "0xg", "0b2", "0o8", "12:60", "1:2:x", "_1", "1-2", "2026.11.28", "1, 2", "10m", "1e5.5",
	} {
		if got := load(t, bare(text)); len(got.Findings) != 0 {
			t.Errorf("%s: %v", text, got.Findings)
		}
	}
}

func TestFormatQuotesWhatAnotherParserTakesForSomethingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"61e9540", "1e999", ".5e999", "0xFFFFFFFFFFFFFFFFFF", "12:30", "1,000", "2001-12-14 21:59:43.10 -5",
	} {
		for _, written := range []string{text, "'" + text + "'"} {
			got, findings := manifest.NewFormatter().Format(binding.File{Path: "a.yaml", Data: []byte(bare(written))})
			if want := `reason: "` + text + `"`; !strings.Contains(string(got), want) {
				t.Errorf("%s: no %s in\n%s%v", written, want, got, findings)
			}
		}
	}
}
