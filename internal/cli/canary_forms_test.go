package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// marker is a secret with a core that occurs nowhere else.
type marker struct{ name, core string }

func newMarker(name string) marker {
	sum := sha256.Sum256([]byte("canary " + name))
	return marker{name, hex.EncodeToString(sum[:])[:24]}
}

// secret is the marker as it is used: characters that URLs, JSON, HTML and Go
// escape stand around the core, and nothing in it has the shape of a token, so
// that only who knows the value can mask it.
func (m marker) secret() string { return `k"<` + m.core + `>&+%\/~=` }

// forms are what is searched for: each half of the core, in clear, in base64 at
// every alignment, in hex, and as Go prints bytes. What is escaped around the
// core (URL, JSON, HTML, %q) leaves the core itself in clear.
func (m marker) forms() [][]byte {
	var all [][]byte
	for _, half := range []string{m.core[:12], m.core[12:]} {
		all = append(all, []byte(half), []byte(hex.EncodeToString([]byte(half))),
			[]byte(strings.Trim(fmt.Sprint([]byte(half)), "[]")), //nolint:staticcheck // How fmt prints bytes is what is looked for.
			fmt.Appendf(nil, "% x", half),
			[]byte(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(half)), "[]byte{"), "}")))
		for shift := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), half...))
			// The first and last characters hold bits of what stands around.
			all = append(all, []byte(encoded[(shift*8+5)/6:(shift+len(half))*8/6]))
		}
	}
	return all
}

// in says whether any form of the marker is in data, whatever the case of its
// letters.
func (m marker) in(data []byte) bool {
	lower := bytes.ToLower(data)
	return slices.ContainsFunc(m.forms(), func(form []byte) bool {
		return bytes.Contains(data, form) || bytes.Contains(lower, form)
	})
}

// TestCanarySearchFindsEveryForm plants a marker in every form in which a
// secret might come out: a search that finds nothing would prove nothing.
func TestCanarySearchFindsEveryForm(t *testing.T) {
	m := newMarker("planted")
	secret := m.secret()
	quoted, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string]string{
		"clear":             secret,
		"upper case":        strings.ToUpper(secret),
		"a part":            "token " + m.core[:14] + "...",
		"the end":           "..." + m.core[10:],
		"JSON":              string(quoted),
		"Go quoted":         fmt.Sprintf("%q", secret),
		"URL query":         url.QueryEscape(secret),
		"URL path":          url.PathEscape(secret),
		"URL user":          url.UserPassword("git", secret).String(),
		"hex":               hex.EncodeToString([]byte(secret)),
		"hex upper case":    fmt.Sprintf("%X", secret),
		"hex spaced":        fmt.Sprintf("% x", secret),
		"bytes":             fmt.Sprint([]byte(secret)), //nolint:staticcheck // How fmt prints bytes is what is planted.
		"bytes in Go":       fmt.Sprintf("%#v", []byte(secret)),
		"base64":            base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 URL":        base64.URLEncoding.EncodeToString([]byte(secret)),
		"base64 raw":        base64.RawStdEncoding.EncodeToString([]byte(secret)),
		"base64 basic auth": base64.StdEncoding.EncodeToString([]byte("git:" + secret)),
		"base64 shifted":    base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
	} {
		if !m.in([]byte("before " + form + " after")) {
			t.Errorf("%s: not found in %s", name, form)
		}
	}
	if m.in([]byte("nothing of it " + newMarker("other").secret())) {
		t.Error("found where it is not")
	}
}
