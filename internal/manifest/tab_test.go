package manifest_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestATabIsReportedWhereTheParserRefusedIt(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("  \tx\n", 40)
	for name, tt := range map[string]struct{ text, want string }{
		"below a key":                     {"a:\n\tb: c\n", "yaml-tab 2:1"},
		"behind spaces":                   {"a:\n  \tb: c\n", "yaml-tab 2:3"},
		"behind a dash":                   {"a:\n  - \tb: c\n", "yaml-tab 2:5"},
		"right behind a dash":             {"a:\n-\tb\n", "yaml-tab 2:2"},
		"on the first line":               {"\ta: b\n", "yaml-tab 1:1"},
		"in a text of several lines":      {"x: y\na: b\n\n\tc: d\n", "yaml-tab 4:1"},
		"in a text in lines":              {"x: y\na: |\n\tc\n", "yaml-tab 3:1"},
		"after tabs that a text may have": {"x: y\na:\n  b: c\n    \td\n\te\n", "yaml-tab 5:1"},
		"after many of them":              {"a:\n b: c\n" + many + "\te\n", "yaml-tab 43:1"},
		"after texts with tabs":           {"a: |\n  x\n  \ty\nb: 'z\n  \tz'\nc:\n\td: e\n", "yaml-tab 7:1"},
		"in the second document":          {"a: |\n  x\n  \ty\n---\nb:\n\tc: d\n", "yaml-tab 6:1"},

		"a quote that is not closed":       {"a: |\n  x\n  \ty\nb: \"unclosed\n", "yaml-syntax 4:0"},
		"a bracket that is not closed":     {"a: |\n  x\n  \ty\nb: [c\n", "yaml-syntax 4:0"},
		"a bad character":                  {"a: |\n  x\n  \ty\nb: @c\n", "yaml-syntax 4:0"},
		"a bad character behind a tab":     {"x: y\na: [b,\n\t@c]\n", "yaml-syntax 3:0"},
		"a colon too many":                 {"a: >\n  x\n  \ty\nb: c: d\n", "yaml-syntax 4:0"},
		"an unclosed quote below a tab":    {"x: y\na: 'b\n\tc: d\n", "yaml-syntax 2:0"},
		"tabs where the parser has no say": {"x: y\na: [b,\n\tc]\nd:\te\nf: {g\n", "yaml-syntax 5:0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range load(t, tt.text).Findings {
				if strings.HasPrefix(f.Code, "yaml-") {
					got = append(got, fmt.Sprintf("%s %d:%d", f.Code, f.Line, f.Column))
				}
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}
