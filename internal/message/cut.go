package message

import "unicode/utf8"

// Cut shortens a text to at most most characters. A shortened text ends with an
// ellipsis, which counts too.
func Cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
