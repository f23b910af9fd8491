package manifest

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// scalarText is a scalar as it is written on one line. A day may stand without
// quotes.
func scalarText(n *yaml.Node, date bool) string {
	if isPlain(n) && (n.ShortTag() != "!!str" || isOldBool(n.Value)) {
		// Numbers, booleans and nulls mean what they look like; and a text that
		// other parsers would take for a boolean is a finding to be kept.
		return n.Value
	}
	if date && isDay(n.Value) {
		return n.Value
	}
	return quoteText(n.Value)
}

func isPlain(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// isDay says that a text is written like a day, YYYY-MM-DD.
func isDay(s string) bool {
	if len(s) != len("2006-01-02") {
		return false
	}
	for i, r := range s {
		if (i == 4 || i == 7) != (r == '-') || r != '-' && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

// quoteText writes a text on one line, in quotes only where they are needed:
// in short mappings as well as elsewhere, for all parsers of YAML 1.1 and 1.2.
// A $ is quoted, too: it begins a placeholder of build rules, and of programs
// that fill in templates.
func quoteText(s string) string {
	switch odd := strings.ContainsFunc(s, mustEscape); {
	case needsNoQuotes(s):
		return s
	case !odd && !strings.ContainsAny(s, `"\`):
		return `"` + s + `"`
	case !odd:
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case mustEscape(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}

// mustEscape says that a character may not stand in a text on one line as it
// is.
func mustEscape(r rune) bool {
	if r < ' ' {
		return true
	}
	_, bad := badCharacter(nil, 0, r, utf8.RuneLen(r))
	return bad
}

func needsNoQuotes(s string) bool {
	for i, r := range s {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune("/_.(", r):
		case i == 0:
			return false
		case strings.ContainsRune("-@+=%)~;?!'", r):
		case r == ':' || r == ' ':
			if next := i + 1; next == len(s) || s[next] == ' ' || s[next] == ':' {
				return false
			}
		case r > '\u00a0' && unicode.IsGraphic(r) && !unicode.IsSpace(r):
		default:
			return false
		}
	}
	implicit := yaml.Node{Kind: yaml.ScalarNode, Value: s}
	return s != "" && implicit.ShortTag() == "!!str" && !isOldBool(s) && !isOldNumber(s)
}

// isOldNumber says that YAML 1.1 takes a plain text for a number to the base
// of 60, as a time of day is one.
func isOldNumber(s string) bool {
	parts := strings.Split(s, ":")
	for i, part := range parts {
		if i == len(parts)-1 {
			part, _, _ = strings.Cut(part, ".")
		}
		if part == "" || strings.Trim(part, "0123456789_") != "" || i > 0 && len(part) > 2 {
			return false
		}
	}
	return len(parts) > 1
}

// asLiteral says that a text of several lines can be written line by line, and
// gives the header and the lines.
func asLiteral(s string) (header string, lines []string, ok bool) {
	if !strings.Contains(s, "\n") || strings.ContainsAny(s, "\t\r") || strings.HasPrefix(s, " ") || strings.HasPrefix(s, "\n") {
		return "", nil, false
	}
	header = "|-"
	rest, ended := strings.CutSuffix(s, "\n")
	if ended {
		header = "|"
	}
	lines = strings.Split(rest, "\n")
	for i, l := range lines {
		if strings.HasSuffix(l, " ") || l == "" && i == len(lines)-1 {
			return "", nil, false
		}
	}
	return header, lines, true
}
