package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// minValue is the minimum length in bytes of a secret that is masked inside other
// text. Masking a shorter one would break up ordinary words and so reveal it.
// From minWord on, it is masked only as a word, and a shorter one only if it is
// the whole text.
const (
	minValue = 6
	minWord  = 4
)

// minPart is the minimum length in bytes of a part of a secret that is masked:
// in the middle of Base64, or where a text was cut.
const minPart = 6

// maxEncoded is the length in bytes up to which a secret's encoded forms are
// masked too.
const maxEncoded = 64 << 10

// maxTwice is the length in bytes up to which forms that are escaped twice are
// masked too.
const maxTwice = 4 << 10

// forms returns the forms of a value that are masked.
func forms(value string) []string {
	out := []string{value}
	if len(value) <= maxEncoded {
		out = append(out, base64Forms(value)...)
		for _, once := range escapedForms(value) {
			out = append(out, once)
			if once != value && len(value) <= maxTwice {
				out = append(out, escapedForms(once)...)
			}
		}
		out = append(out, hex.EncodeToString([]byte(value)), strings.ToUpper(hex.EncodeToString([]byte(value))))
		out = append(out, lineForms(value)...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// base64Forms returns the value in each Base64 alphabet, alone and inside a
// longer encoded text ("user:token"): there only its first and last characters
// depend on the neighbours.
func base64Forms(value string) []string {
	std, uri := base64.StdEncoding.EncodeToString([]byte(value)), base64.URLEncoding.EncodeToString([]byte(value))
	out := []string{std, uri, strings.TrimRight(std, "="), strings.TrimRight(uri, "=")}
	for offset := range 3 {
		shifted := append(make([]byte, offset, offset+len(value)), value...)
		from, to := (offset*8+5)/6, len(shifted)*8/6
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if core := enc.EncodeToString(shifted)[from:to]; len(core) >= minPart {
				out = append(out, core)
			}
		}
	}
	return out
}

// escapedForms returns the value as escaped in URLs, HTML, JSON and Go strings;
// nothing if none of them escapes it.
func escapedForms(value string) []string {
	if !strings.ContainsFunc(value, isEscaped) {
		return nil
	}
	query, path := url.QueryEscape(value), url.PathEscape(value)
	out := []string{query, path, lowerHex(query), lowerHex(path), strings.ReplaceAll(query, "+", "%20")}
	markup := html.EscapeString(value)
	out = append(out, markup, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(markup),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(value), strings.ReplaceAll(markup, "&#39;", "&#x27;"))
	if b, err := json.Marshal(value); err == nil {
		out = append(out, string(b[1:len(b)-1]))
	}
	var plain strings.Builder
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if enc.Encode(value) == nil {
		out = append(out, strings.Trim(strings.TrimSuffix(plain.String(), "\n"), `"`))
	}
	quoted := strconv.Quote(value)
	out = append(out, quoted[1:len(quoted)-1])
	ascii := strconv.QuoteToASCII(value)
	return append(out, ascii[1:len(ascii)-1])
}

// isEscaped reports whether any of these formats may escape a character.
func isEscaped(c rune) bool {
	return c > unicode.MaxASCII || !alphanumeric(byte(c&unicode.MaxASCII)) && !strings.ContainsRune("-_.~", c)
}

// lowerHex makes percent escapes lower case, as some clients write them.
func lowerHex(escaped string) string {
	b := []byte(escaped)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(string(b[i+1:i+3])))
			i += 2
		}
	}
	return string(b)
}

// lineForms returns the longer lines of a value with several lines, such as a
// private key, because a log may show a single one.
func lineForms(value string) []string {
	if !strings.Contains(value, "\n") {
		return nil
	}
	var out []string
	for line := range strings.Lines(value) {
		line = strings.TrimSpace(line)
		if len(line) >= 16 && !strings.HasPrefix(line, "-----") {
			out = append(out, line)
		}
	}
	return out
}
