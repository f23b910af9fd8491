package report

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"reconciler/internal/message"
)

// longestValue is how many characters of one foreign text Markdown shows.
const longestValue = 500

// noReference is a character without width. After "@" or "#" it prevents a code
// host from turning foreign text into a mention or a link.
const noReference = "\u200b"

// markdownText escapes foreign text for Markdown: the result has no markup, no
// HTML, no mention of anybody and no new line.
func markdownText(text string) string {
	return escape(withoutReferences(message.Cut(clean(text), longestValue)), "<>&~|", "\\`*_[]!#")
}

// htmlText escapes foreign text for HTML, where Markdown's escapes do not work.
func htmlText(text string) string {
	return escape(withoutReferences(message.Cut(clean(text), longestValue)), "<>&", "")
}

// escape replaces the runes in entities with HTML entities, and puts a
// backslash before those in backslashed.
func escape(text, entities, backslashed string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case strings.ContainsRune(entities, r):
			b.WriteString(entity(r))
		case strings.ContainsRune(backslashed, r):
			b.WriteByte('\\')
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// autolink matches what code hosts turn into a link without any markup: an
// address, a name that begins with www, and GitHub's GH-12. A character without
// width at the end of a match breaks the link.
var autolink = regexp.MustCompile(`(?i)\b(?:[a-z][a-z0-9+.-]*:/|www\.|gh-[0-9])`)

func withoutReferences(text string) string {
	text = autolink.ReplaceAllStringFunc(text, func(match string) string {
		return match[:len(match)-1] + noReference + match[len(match)-1:]
	})
	var b strings.Builder
	runes := []rune(text)
	for i, r := range runes {
		b.WriteRune(r)
		if i+1 < len(runes) && refers(r, runes[i+1]) {
			b.WriteString(noReference)
		}
	}
	return b.String()
}

func entity(r rune) string {
	switch r {
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '&':
		return "&amp;"
	case '~':
		return "&#126;"
	default:
		return "&#124;"
	}
}

// refers reports whether a code host may see a reference at r: "@user", "#12",
// and GitLab's "!12", "$12", "%12", "&12" and "~label", also with a name in
// quotes.
func refers(r, next rune) bool {
	if r == '@' {
		return !unicode.IsSpace(next)
	}
	return strings.ContainsRune("#!$%&~", r) && (unicode.IsLetter(next) || unicode.IsDigit(next) || next == '"')
}

// markdownCode formats foreign text as code. Text that could end a code span or
// a table's cell is written as HTML.
func markdownCode(text string) string {
	text = message.Cut(clean(text), longestValue)
	switch {
	case text == "":
		return "(none)"
	case !strings.ContainsAny(text, "`|\\<") && strings.TrimSpace(text) != "":
		return "`" + text + "`"
	}
	return "<code>" + escape(withoutReferences(text), "<>&~|", "\\`*_[]!#") + "</code>"
}

// units is the length of text in UTF-16 code units.
func units(text string) int {
	n := 0
	for _, r := range text {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// Marker is the HTML comment at the beginning of Markdown. With it, the comment
// with a name is found again and updated. Anybody can write it, so before
// updating a comment check its author.
func Marker(name string) string { return "<!-- reconciler:" + markerName(name) + " -->" }

// longestMarker is the maximum length of a name in a marker, in bytes.
const longestMarker = 64

// markerName returns name or, if the name could end the marker, a part of it
// and the hash of all of it.
func markerName(name string) string {
	safe := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._/", r)) {
			return r
		}
		return '-'
	}, name)
	for strings.Contains(safe, "--") {
		safe = strings.ReplaceAll(safe, "--", "-")
	}
	if safe == name && len(name) <= longestMarker && !strings.HasSuffix(name, "-") {
		return safe
	}
	return strings.TrimRight(safe[:min(len(safe), longestMarker)], "-") + "-" + hash(name)[:8]
}
