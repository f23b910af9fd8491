package secrets

import (
	"html"
	"slices"
	"strconv"
	"strings"
)

const (
	// allEscapes are the characters that begin an escape.
	allEscapes = `%&\`
	// maxEscapes is how many layers of escapes are removed in search of a secret.
	maxEscapes = 4
	// maxReference is the length of the longest HTML character reference that is
	// recognized.
	maxReference = 12
)

// unescaped is a text without its escapes.
type unescaped struct {
	text string
	// at is the offset in the original for each byte, and for the end.
	at []int
}

// maskEscaped masks values that are escaped for URLs, HTML, JSON, Go or a shell,
// whichever characters a program escapes, even several times. The caller holds
// r.mu.
func (r *Redactor) maskEscaped(s string) string {
	if !strings.ContainsAny(s, allEscapes) {
		return s
	}
	original := unescaped{s, make([]int, len(s)+1)}
	for i := range original.at {
		original.at[i] = i
	}
	var found [][2]int
	// A value may contain something that looks like an escape of a different kind.
	for _, kinds := range []string{"%", "&", `\\`, allEscapes} {
		u := original
		for range maxEscapes {
			next := u.once(kinds)
			if len(next.text) == len(u.text) {
				break
			}
			u = next
			for _, v := range r.index.values(u.text) {
				found = append(found, [2]int{u.at[v[0]], u.at[v[1]]})
			}
		}
	}
	slices.SortFunc(found, func(a, b [2]int) int { return a[0] - b[0] })
	var out strings.Builder
	end := 0
	for _, f := range found {
		if f[0] >= end {
			out.WriteString(s[end:f[0]] + mask)
		}
		end = max(end, f[1])
	}
	return out.String() + s[end:]
}

// once removes one layer of the escapes that begin with these characters.
func (u unescaped) once(kinds string) unescaped {
	if !strings.ContainsAny(u.text, kinds) {
		return u
	}
	var text strings.Builder
	at := make([]int, 0, len(u.at))
	for i := 0; i < len(u.text); {
		plain, length := u.text[i:i+1], 1
		if strings.IndexByte(kinds, u.text[i]) >= 0 {
			plain, length = unescape(u.text[i:])
		}
		text.WriteString(plain)
		for range len(plain) {
			at = append(at, u.at[i])
		}
		i += length
	}
	return unescaped{text.String(), append(at, u.at[len(u.text)])}
}

// unescape decodes an escape at the beginning of a text, and returns its length.
func unescape(s string) (plain string, length int) {
	switch s[0] {
	case '%':
		if b, ok := number(s, 1, 2, 16); ok {
			return string([]byte{byte(b & 0xff)}), 3
		}
	case '&':
		if end := strings.IndexByte(s[:min(len(s), maxReference)], ';'); end > 0 {
			if plain := html.UnescapeString(s[:end+1]); plain != s[:end+1] {
				return plain, end + 1
			}
		}
	case '\\':
		return unescapeBackslash(s)
	}
	return s[:1], 1
}

func unescapeBackslash(s string) (plain string, length int) {
	if len(s) == 1 {
		return s, 1
	}
	if r, ok := number(s, 2, 4, 16); ok && s[1] == 'u' {
		return string(rune(r & 0xffff)), 6
	}
	if b, ok := number(s, 2, 2, 16); ok && s[1] == 'x' {
		return string([]byte{byte(b & 0xff)}), 4
	}
	if b, ok := number(s, 1, 3, 8); ok && b < 256 {
		return string([]byte{byte(b & 0xff)}), 4
	}
	if at := strings.IndexByte("nrt", s[1]); at >= 0 {
		return "\n\r\t"[at : at+1], 2
	}
	return s[1:2], 2
}

// number parses the digits of a number at an offset.
func number(s string, from, digits, base int) (uint64, bool) {
	if len(s) < from+digits {
		return 0, false
	}
	n, err := strconv.ParseUint(s[from:from+digits], base, 32)
	return n, err == nil
}
