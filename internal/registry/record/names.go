package record

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Masked replaces a word that may identify somebody or something.
const Masked = "?"

const (
	// maxName limits the name of a field, in bytes and in words.
	maxName      = 64
	maxNameWords = 8
)

//go:embed words.txt
var wordList string

// knownWords are the words in names of fields, calls and error codes. Only
// names that consist of these words are shown, because a key in an answer may
// be a user's name.
var knownWords = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for w := range strings.FieldsSeq(wordList) {
		known[w] = true
	}
	return known
})

// Names decides which names are shown. The zero value knows only the built-in
// words.
type Names struct {
	// allowed has additional field names from a person.
	allowed map[string]bool
}

// NewNames makes a Names that also shows the given field names.
func NewNames(fields ...string) Names {
	n := Names{allowed: map[string]bool{}}
	for _, f := range fields {
		n.allowed[f] = true
	}
	return n
}

// Show returns a name with "?" instead of each unknown word, and whether every
// word is known.
func (n Names) Show(name string) (shown string, known bool) {
	if n.allowed[name] {
		return name, true
	}
	if name == "" || len(name) > maxName {
		return Masked, false
	}
	var b strings.Builder
	known = true
	words := 0
	for _, part := range split(name) {
		switch {
		case strings.ContainsAny(part, "_-.") && len(part) == 1:
			b.WriteString(part)
		case knownWords()[strings.ToLower(part)]:
			b.WriteString(part)
			words++
		default:
			known = false
			if !strings.HasSuffix(b.String(), Masked) {
				b.WriteString(Masked)
			}
		}
	}
	if words == 0 || words > maxNameWords || strings.Contains(b.String(), "__") && !known {
		return Masked, false
	}
	return b.String(), known
}

// Known reports whether a name is shown unchanged.
func (n Names) Known(name string) bool {
	_, known := n.Show(name)
	return known
}

// has reports whether one of a name's words is among words.
func has(name string, words ...string) bool {
	return slices.ContainsFunc(split(name), func(part string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(part, w) })
	})
}

// lastWord is the last word of a name, in lower case.
func lastWord(name string) string {
	parts := split(name)
	if len(parts) == 0 {
		return ""
	}
	return strings.ToLower(parts[len(parts)-1])
}

// split splits a name into its words and the characters between them: at such a
// character, and where capital letters begin. Digits belong to the word before
// them.
func split(name string) []string {
	var parts []string
	runes := []rune(name)
	begin := 0
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			if begin < i {
				parts = append(parts, string(runes[begin:i]))
			}
			parts = append(parts, string(r))
			begin = i + 1
		case i > begin && unicode.IsUpper(r) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			parts = append(parts, string(runes[begin:i]))
			begin = i
		}
	}
	if begin < len(runes) {
		parts = append(parts, string(runes[begin:]))
	}
	return parts
}

// enumerations are the values that are shown: terms of the product for a kind
// or a state, from its documentation.
func enumerations() map[string]bool {
	known := map[string]bool{}
	for v := range strings.FieldsSeq(`
		CODEUP GITHUB BITBUCKET GITLAB GITEE CODE
		GIT_BRANCH GIT_TAG AUTO_BUILD MANUAL PUBLIC PRIVATE
		NORMAL DELETING ALL TAG_LIST TAG_REG_EXP BUILD_SUCCESS
		BUILDING SUCCESS FAILED CANCELED PENDING RUNNING
		ADMIN READ WRITE ALI_HUB REPO_AUTHORIZE AUTHORIZED UNAUTHORIZED
		BOUND UNBOUND ENABLE DISABLE ENABLED DISABLED NOT_EXIST
		SUCCEEDED WAITING ACTIVE INACTIVE VALID INVALID EXPIRED
		RUNNING STARTING UNKNOWN STANDARD BASIC ADVANCED PERSONAL ENTERPRISE`) {
		known[v] = true
	}
	return known
}

// enumerated returns a value if it is an enumeration's and the field's name says
// that it has one.
func enumerated(field, value string) bool {
	switch lastWord(field) {
	case "type", "status", "state", "kind", "platform", "origin", "visibility", "provider", "edition", "event", "mode", "phase", "stage":
		return enumerations()[strings.ToUpper(strings.ReplaceAll(value, "-", "_"))]
	}
	return false
}
