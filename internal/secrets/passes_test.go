package secrets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// byteByByte writes each byte of a text by itself.
func byteByByte(text, format string) string {
	var out strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&out, format, text[i])
	}
	return out.String()
}

// TestNoFormPasses: forms in which a secret used to get past.
func TestNoFormPasses(t *testing.T) {
	t.Parallel()
	const value = `S3c"ret<&>'/+ pass\word`
	quote := func(s string) string { q := strconv.Quote(s); return q[1 : len(q)-1] }
	inJSON := func(s string) string { b, _ := json.Marshal(s); return string(b[1 : len(b)-1]) }
	r := NewRedactor(nil)
	r.Register(New([]byte(value)))
	r.Register(New([]byte("p1n!")))
	for name, text := range map[string]string{
		"HTML":                     html.EscapeString(value),
		"HTML with names":          strings.NewReplacer("&#34;", "&quot;", "&#39;", "&apos;").Replace(html.EscapeString(value)),
		"HTML without quotes":      strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(value),
		"JSON in JSON":             inJSON(inJSON(value)),
		"JSON in Go":               quote(inJSON(value)),
		"Go in Go":                 quote(quote(value)),
		"HTML in JSON":             inJSON(html.EscapeString(value)),
		"JSON in HTML":             html.EscapeString(inJSON(value)),
		"HTML twice":               html.EscapeString(html.EscapeString(value)),
		"URL in URL":               url.QueryEscape(url.QueryEscape(value)),
		"URL in HTML":              html.EscapeString(url.PathEscape(value)),
		"JSON as PHP writes it":    strings.ReplaceAll(inJSON(value), "/", `\/`),
		"JSON with all escaped":    byteByByte(value, `\u%04x`),
		"bytes in hex":             byteByByte(value, `\x%02X`),
		"bytes in octal":           byteByByte(value, `\%03o`),
		"HTML of a template":       strings.NewReplacer("/", "&#x2F;", "+", "&#43;").Replace(html.EscapeString(value)),
		"XML with all as numbers":  byteByByte(value, "&#%d;"),
		"a URL's password":         strings.TrimPrefix(url.UserPassword("", value).String(), ":"),
		"a URL of a browser":       strings.ReplaceAll(url.PathEscape(value), "%27", "'"),
		"a URL with all escaped":   byteByByte(value, "%%%02x"),
		"JSON three times":         inJSON(inJSON(inJSON(value))),
		"words of a shell":         strings.NewReplacer(" ", `\ `, "'", `\'`, `"`, `\"`, "<", `\<`, ">", `\>`, "&", `\&`, `\`, `\\`).Replace(value),
		"four characters":          "p1n!",
		"cut at the end":           value[:12],
		"cut, with dots":           value[:9] + "… and more",
		"cut, with three dots":     value[:9] + "... and more",
		"cut, in quotes":           `"` + value[:8] + `"`,
		"cut in the middle of one": html.EscapeString(value)[:14],
	} {
		if got := r.Redact("it is " + text); got == "it is "+text || strings.Contains(got, text) || strings.Contains(got, value[:6]) {
			t.Errorf("%s: %q passes as %q", name, text, got)
		}
	}
	for _, text := range []string{"it is S3c", "pins", "nothing of it…", "..."} {
		if got := r.Redact(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

// TestASecretIsNotSplit: parts of one secret in several attributes are masked,
// and what stands beside them is not.
func TestASecretIsNotSplit(t *testing.T) {
	t.Parallel()
	const value = "glow-worm-token-of-the-test"
	r := NewRedactor(nil)
	r.Register(New([]byte(value)))
	for name, attrs := range map[string][]any{
		"two":               {"a", value[:10], "b", value[10:]},
		"three":             {"a", value[:5], "b", value[5:15], "c", value[15:]},
		"with text around":  {"a", "it begins " + value[:10], "b", value[10:] + " and ends"},
		"in a group":        {"a", value[:10], slog.Group("g", "b", value[10:])},
		"in groups":         {slog.Group("f", "a", value[:10]), slog.Group("g", "b", value[10:])},
		"with a number":     {"a", value[:10], "n", 5, "b", value[10:]},
		"with another text": {"first", "beside", "a", value[:10], "b", value[10:]},
	} {
		var out bytes.Buffer
		slog.New(NewHandler(slog.NewTextHandler(&out, nil), r)).Info("message", attrs...)
		if strings.Contains(out.String(), value[:5]) || strings.Contains(out.String(), value[15:]) {
			t.Errorf("%s: %s", name, out.String())
		}
		if name == "with another text" && !strings.Contains(out.String(), "beside") {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

// TestManyBeginningsAndManyDots: what a text costs is bounded by its length, whatever
// number of secrets is known and whatever the text is made of.
func TestManyBeginningsAndManyDots(t *testing.T) {
	t.Parallel()
	r := NewRedactor(nil)
	for i := range 1000 {
		r.Register(New([]byte(strings.Repeat("a", 40) + strconv.Itoa(i) + strings.Repeat("b", 300))))
	}
	for name, text := range map[string]string{
		"dots":                        strings.Repeat("...", 100_000),
		"dots of one character":       strings.Repeat("…", 100_000),
		"almost a beginning":          strings.Repeat(strings.Repeat("a", 39)+"…", 8_000),
		"almost one, with quotes":     strings.Repeat(strings.Repeat("a", 39)+"\"'...", 8_000),
		"beginnings":                  strings.Repeat(strings.Repeat("a", 30)+"x…", 8_000),
		"long texts between the dots": strings.Repeat(strings.Repeat("xa", 2_000)+"…", 80),
	} {
		began := time.Now()
		r.Redact(text)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

// BenchmarkRedactCut is a text that may be cut at every dot, with a thousand secrets.
func BenchmarkRedactCut(b *testing.B) {
	r := NewRedactor(nil)
	for i := range 1000 {
		r.Register(New([]byte(strconv.Itoa(i) + strings.Repeat("b", 40))))
	}
	text := strings.Repeat(strings.Repeat("b", 39)+"…", 1000)
	for b.Loop() {
		r.Redact(text)
	}
}
