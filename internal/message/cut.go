package message

import "unicode/utf8"

// Cut shortens a text to at most that many characters. What is cut ends with an
// ellipsis, which counts.
func Cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
