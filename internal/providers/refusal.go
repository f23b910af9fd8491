package providers

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"reconciler/internal/message"
)

// maxReason limits what is shown of a host's own reason, in bytes.
const maxReason = 300

// reasonOf is the host's own reason for a refusal: the texts of a JSON error,
// in the fields that the hosts use, without the sent credential. It is empty if
// the body is not such an error.
func reasonOf(body []byte, credential http.Header) string {
	var refusal map[string]json.RawMessage
	if json.Unmarshal(body, &refusal) != nil {
		return ""
	}
	var reasons []string
	for _, name := range []string{"message", "error", "error_description", "errorMessage", "errorDescription", "errors"} {
		reasons = append(reasons, textsOf(refusal[name], 0)...)
	}
	text := strings.Join(slices.Compact(reasons), "; ")
	for _, values := range credential {
		for _, value := range values {
			text = without(text, value)
		}
	}
	return message.Cut(strings.ToValidUTF8(text, ""), maxReason)
}

// textsOf returns the texts in a value, in a fixed order.
func textsOf(raw json.RawMessage, depth int) []string {
	var (
		text    string
		list    []json.RawMessage
		object  map[string]json.RawMessage
		reasons []string
	)
	switch {
	case depth > 3:
	case json.Unmarshal(raw, &text) == nil && text != "":
		reasons = []string{strings.Join(strings.Fields(text), " ")}
	case json.Unmarshal(raw, &list) == nil:
		for _, one := range list {
			reasons = append(reasons, textsOf(one, depth+1)...)
		}
	case json.Unmarshal(raw, &object) == nil:
		for _, name := range slices.Sorted(maps.Keys(object)) {
			reasons = append(reasons, textsOf(object[name], depth+1)...)
		}
	}
	return reasons
}

// without removes a header's value, and the credential in it, from a text.
func without(text, value string) string {
	_, bare, scheme := strings.Cut(value, " ")
	if !scheme {
		bare = value
	}
	parts := []string{value, bare}
	if plain, err := base64.StdEncoding.DecodeString(bare); err == nil {
		_, password, _ := strings.Cut(string(plain), ":")
		parts = append(parts, string(plain), password)
	}
	for _, part := range parts {
		if len(part) >= 8 {
			text = strings.ReplaceAll(text, part, "[secret]")
		}
	}
	return text
}
