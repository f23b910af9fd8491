package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	textwidth "golang.org/x/text/width"
)

// clean makes text harmless for a terminal: it escapes control characters, and
// so every escape sequence, and characters that change the direction of
// writing, and replaces invalid UTF-8.
func clean(text string) string {
	if strings.IndexFunc(text, unsafeRune) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
		case unsafeRune(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// runnerCommand matches what a CI runner may take for a command anywhere in a
// line of the log: ##[group] of GitHub, ##vso[...] of Azure, ##teamcity[...].
var runnerCommand = regexp.MustCompile(`##(\w*)\[`)

// withoutCommands breaks text that a runner may take for a command within a line.
func withoutCommands(line string) string {
	return runnerCommand.ReplaceAllString(line, "##"+noReference+"$1[")
}

// inert returns a line that no CI runner takes for a command: a character
// without width breaks what could be one.
func inert(line string) string {
	line = withoutCommands(line)
	if start := strings.TrimLeftFunc(line, unicode.IsSpace); strings.HasPrefix(start, "::") {
		line = line[:len(line)-len(start)] + ":" + noReference + start[1:]
	}
	return line
}

// Sanitize makes text of several lines, such as an error with another system's
// answer, harmless for terminals and CI runners.
func Sanitize(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = inert(clean(strings.TrimSuffix(line, "\r")))
	}
	return strings.Join(lines, "\n")
}

// Clean makes one line of text harmless: it escapes characters that control a
// terminal or change the direction of writing.
func Clean(text string) string { return clean(text) }

func unsafeRune(r rune) bool {
	if r < unicode.MaxASCII {
		return r < ' '
	}
	return r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u2028' || r == '\u2029'
}

// width is how many columns text takes on a terminal.
func width(text string) int {
	n := 0
	for _, r := range text {
		n += runeWidth(r)
	}
	return n
}

func runeWidth(r rune) int {
	if r <= unicode.MaxASCII {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch textwidth.LookupRune(r).Kind() {
	case textwidth.EastAsianWide, textwidth.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// pad pads text with spaces to n columns.
func pad(text string, n int) string {
	const spaces = "                                "
	missing := n - width(text)
	switch {
	case missing <= 0:
		return text
	case missing <= len(spaces):
		return text + spaces[:missing]
	}
	return text + strings.Repeat(" ", missing)
}

// cut shortens text to n columns, with an ellipsis. If n is 0 or less, it returns
// the text unchanged.
func cut(text string, n int) string {
	if n <= 0 || width(text) <= n {
		return text
	}
	used := 0
	for i, r := range text {
		if used += runeWidth(r); used > n-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// narrowest is the width below which text is not folded.
const narrowest = 20

// foldLines breaks text into lines of at most n columns: between words and, in
// Chinese, between characters. A longer word gets its own line.
func foldLines(text string, n int) []string {
	if n < narrowest || width(text) <= n {
		return []string{text}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		space := " "
		for _, piece := range pieces(word) {
			switch {
			case line == "":
				line = piece
			case width(line)+len(space)+width(piece) <= n:
				line += space + piece
			default:
				lines = append(lines, line)
				line = piece
			}
			space = ""
		}
	}
	return append(lines, line)
}

// pieces splits a word where a line may end: next to wide characters, but
// neither before punctuation nor after an opening bracket or quote.
func pieces(word string) []string {
	var all []string
	start, before := 0, rune(0)
	for i, r := range word {
		wide := runeWidth(r) == 2 || runeWidth(before) == 2
		if i > start && wide && !unicode.In(r, unicode.Pe, unicode.Pf, unicode.Po) && !unicode.In(before, unicode.Ps, unicode.Pi) {
			all, start = append(all, word[start:i]), i
		}
		before = r
	}
	return append(all, word[start:])
}

// Paragraphs folds each line of a text to n columns. A line that begins with a
// space stays as it is.
func Paragraphs(text string, n int) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, " ") {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, foldLines(line, n)...)
	}
	return strings.Join(lines, "\n")
}
