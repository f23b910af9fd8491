package manifest

import (
	"bytes"
	"regexp"
	"sort"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
)

// maxTabs is how many indented lines of a text are searched for the tab that the
// parser rejected. Each step of the search parses the file again.
const maxTabs = 64

var (
	// indentTab matches a tab in the indentation, or after an indicator that
	// indents too, before a character that can begin a value. That is required
	// because the parser has the same error for a tab and for a character that
	// cannot begin a value.
	indentTab = regexp.MustCompile("^ *(?:[-?:] +)*[-?:]?(\t)[ \t]*[^ \t@`%]")
	// leadingTab matches a tab before the first character of a line.
	leadingTab = regexp.MustCompile(`^ *(\t)`)
)

// refusedTab finds the tab that the parser's error is about: one in the
// indentation, not one in a text. The error has no column, and its line is where a
// text begins if the tab is in a text of several lines. The place has no column if
// the tab is not found.
func refusedTab(err error, problem string, line int, text []byte) (binding.Position, bool) {
	switch problem {
	case "found character that cannot start any token":
		tabs := tabsFrom(text, indentTab, line, 1)
		if len(tabs) == 0 || tabs[0].Line != line {
			return binding.Position{}, false
		}
		return tabs[0].Position, true
	case "found a tab character that violates indentation", "found a tab character where an indentation space is expected":
		tabs := tabsFrom(text, leadingTab, line, maxTabs)
		// The parser stops at the tab, so a file that is cut off after it has the
		// same error, and a file that is cut off before it does not.
		first := sort.Search(len(tabs), func(i int) bool {
			var n yaml.Node
			decoder, failed := yaml.NewDecoder(bytes.NewReader(text[:tabs[i].end])), error(nil)
			for failed == nil {
				failed = decoder.Decode(&n)
			}
			return failed.Error() == err.Error()
		})
		if first == len(tabs) {
			return binding.Position{Line: line}, true
		}
		return tabs[first].Position, true
	}
	return binding.Position{}, false
}

// tab is the place of a tab, and where its line ends in the text.
type tab struct {
	binding.Position
	end int
}

// tabsFrom finds the first matching tabs, beginning at a line.
func tabsFrom(text []byte, match *regexp.Regexp, from, most int) []tab {
	var tabs []tab
	line, end := 0, 0
	for row := range bytes.Lines(text) {
		line, end = line+1, end+len(row)
		if line < from {
			continue
		}
		if at := match.FindSubmatchIndex(row); at != nil {
			tabs = append(tabs, tab{binding.Position{Line: line, Column: at[2] + 1}, end})
		}
		if len(tabs) == most {
			break
		}
	}
	return tabs
}
