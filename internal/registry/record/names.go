package record

import (
	_ "embed"
	"strings"
	"sync"
	"unicode"
)

// Masked stands for a word that may identify somebody or something.
const Masked = "?"

const (
	// maxName bounds what can be the name of a field, in bytes and in words.
	maxName      = 64
	maxNameWords = 8
)

//go:embed words.txt
var wordList string

// knownWords are the words that the names of fields, calls and error codes are
// made of. The list is closed: a key of an answer may be a user's name, so that
// only what is made of these words is shown.
var knownWords = sync.OnceValue(func() map[string]bool {
	known := map[string]bool{}
	for w := range strings.FieldsSeq(wordList) {
		known[w] = true
	}
	return known
})

// Names decides which names are shown. The zero value knows the closed list
// only.
type Names struct {
	// allowed are names that a person said are names of fields.
	allowed map[string]bool
}

// NewNames makes a Names that also shows the names of fields that a person
// gives.
func NewNames(fields ...string) Names {
	n := Names{allowed: map[string]bool{}}
	for _, f := range fields {
		n.allowed[f] = true
	}
	return n
}

// Show gives a name with "?" instead of each word that is not known, and
// whether every word is.
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

// Known reports whether a name is shown as it is.
func (n Names) Known(name string) bool {
	_, known := n.Show(name)
	return known
}

// has reports whether one of a name's words is in the list.
func has(name string, words ...string) bool {
	for _, part := range split(name) {
		for _, w := range words {
			if strings.EqualFold(part, w) {
				return true
			}
		}
	}
	return false
}

// lastWord is the last word of a name, in lower case.
func lastWord(name string) string {
	parts := split(name)
	if len(parts) == 0 {
		return ""
	}
	return strings.ToLower(parts[len(parts)-1])
}

// split parts a name into its words and the signs between them: at a sign, and
// where capital letters begin. Digits belong to the word before them.
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

// enumerations are the values that are shown: words of the product that name a
// kind or a state, as its documentation lists them.
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

// enumerated gives a value that is an enumeration's, where the field's name says
// that it holds one.
func enumerated(field, value string) bool {
	switch lastWord(field) {
	case "type", "status", "state", "kind", "platform", "origin", "visibility", "provider", "edition", "event", "mode", "phase", "stage":
		return enumerations()[strings.ToUpper(strings.ReplaceAll(value, "-", "_"))]
	}
	return false
}
