package report

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestChineseIsFoldedBetweenCharacters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"已按声明绑定，由 alice@example.com 于 2026-11-29 确认": "已按声明绑定，由\nalice@example.com 于\n2026-11-29 确认",
		// Neither does a line begin with punctuation, nor end with an opening quote.
		"单击“操作”列的“绑定账号”，然后确认。":    "单击“操作”列的“绑定\n账号”，然后确认。",
		"a name-that-stays whole": "a name-that-stays\nwhole",
	} {
		if got := strings.Join(foldLines(text, 20), "\n"); got != want {
			t.Errorf("%q: got\n%s", text, got)
		}
	}
}

func TestFoldingLosesNothingAndFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.SampledFrom([]rune("ab 绑定，。（“”）-/ ")), 0, 80, -1).Draw(t, "text")
		n := rapid.IntRange(narrowest, 40).Draw(t, "columns")
		lines := foldLines(text, n)
		if squeezed := strings.NewReplacer(" ", "", "\n", ""); squeezed.Replace(strings.Join(lines, "\n")) != squeezed.Replace(text) {
			t.Fatalf("%q became %q", text, lines)
		}
		for _, line := range lines {
			if width(line) > n && len(pieces(line)) > 1 && !strings.ContainsAny(line, "，。）”“（ab-/") {
				t.Fatalf("%q is %d columns wide", line, width(line))
			}
		}
	})
}
