package record

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
)

// leaf is a value in a request or an answer that is neither an object nor a
// list.
type leaf struct {
	// path has the names of the fields that lead to it. An item of a list has
	// the path of the list.
	path  []string
	value any
}

// name is the last name in a leaf's path.
func (l leaf) name() string {
	if len(l.path) == 0 {
		return ""
	}
	return l.path[len(l.path)-1]
}

// text is the value as text, as in a path or a query.
func (l leaf) text() string {
	switch v := l.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// leaves returns all leaves of a value, in the order of names.
func leaves(v any) []leaf { return leavesOf(v, true) }

// leavesOf returns the leaves of a value, with or without those in lists.
func leavesOf(v any, lists bool) []leaf {
	var all []leaf
	var walk func(v any, path []string, depth int)
	walk = func(v any, path []string, depth int) {
		if depth > maxDepth || len(all) >= maxNodes {
			return
		}
		switch v := v.(type) {
		case map[string]any:
			for _, name := range sortedKeys(v) {
				walk(v[name], append(slices.Clone(path), name), depth+1)
			}
		case []any:
			for _, item := range v {
				if lists {
					walk(item, path, depth+1)
				}
			}
		default:
			all = append(all, leaf{path, v})
		}
	}
	walk(v, nil, 0)
	return all
}

// request returns the leaves of an exchange's request: query and body.
func (x *exchange) request() []leaf {
	var all []leaf
	for _, name := range sortedKeys(x.query) {
		for _, l := range leaves(unpacked(x.query.Get(name))) {
			all = append(all, leaf{append([]string{name}, l.path...), l.value})
		}
	}
	return append(all, leaves(x.body)...)
}

// succeeded reports whether the request succeeded.
func (x *exchange) succeeded() bool { return x.status >= 200 && x.status < 300 && x.answer != nil }

// parameter is a parameter of the query or of the form, regardless of the case
// of its name.
func (x *exchange) parameter(names ...string) string {
	for _, l := range x.request() {
		if len(l.path) == 1 && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, l.path[0]) }) {
			return l.text()
		}
	}
	return ""
}

var (
	actionName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]{2,79}$`)
	dateName   = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
)

// action is the product's name for the call, if the request has one whose words
// are known.
func (x *exchange) action(names Names) string {
	if a := x.parameter("action", "apiName", "api", "operation"); actionName.MatchString(a) && names.Known(a) {
		return a
	}
	return ""
}

// rpc reports whether a call is addressed by action and version, as RPC calls
// of the API are.
func (x *exchange) rpc() bool {
	return x.parameter("Action") != "" && dateName.MatchString(x.parameter("Version"))
}

// gateway reports whether a call goes through the console, which wraps the
// API's parameters and signs in with cookies.
func (x *exchange) gateway() bool {
	return !x.rpc() && x.parameter("action", "apiName", "api", "operation") != ""
}

// purpose reports whether the path or the action contains one of the words.
func (x *exchange) purpose(words ...string) bool {
	named := append(slices.Clone(x.segments), x.parameter("action", "apiName", "api", "operation", "method"))
	return slices.ContainsFunc(named, func(s string) bool { return has(s, words...) })
}

// abbreviations are short names of platforms.
var abbreviations = map[string]binding.Platform{
	"gl": binding.GitLab, "gh": binding.GitHub, "bb": binding.Bitbucket, "cu": binding.Codeup,
}

// platformIn returns the platform that a word of the registry means.
func platformIn(word string) (binding.Platform, bool) {
	if p, ok := abbreviations[strings.ToLower(word)]; ok {
		return p, true
	}
	if len(word) > maxName || !(Names{}).Known(word) {
		return "", false
	}
	for _, p := range binding.AllPlatforms() {
		if has(word, string(p)) || strings.EqualFold(word, string(p)) {
			return p, true
		}
	}
	return "", false
}

// isToken reports whether a field's name is that of a token to bind, and not of
// one for the browser's sign-in.
func isToken(name string) bool {
	return has(name, "token", "tokens", "password", "passwd", "passwrd", "pwd", "pat", "secret", "credential", "credentials") &&
		!has(name, "sec", "csrf", "xsrf", "security", "session", "umid", "type", "expire", "expires", "id")
}

func isUsername(name string) bool {
	return (has(name, "username", "uname", "login", "loginname", "clone") || has(name, "user", "account", "usr") && has(name, "name") ||
		strings.EqualFold(name, "user") || strings.EqualFold(name, "name")) && !has(name, "id")
}

func isAddress(name string) bool {
	return has(name, "endpoint", "url", "uri", "address", "addr", "domain", "host", "site", "link", "server")
}

func isID(name string) bool {
	return has(name, "id", "identifier", "identity", "accountid", "bindingid", "no")
}

func isCreated(l leaf) bool {
	if !has(l.name(), "created", "create", "gmt", "bound", "since") || has(l.name(), "modified", "modify", "updated", "update") {
		return false
	}
	text := l.text()
	_, err := time.Parse(time.RFC3339, text)
	return err == nil || digits.MatchString(text) && (len(text) == 10 || len(text) == 13)
}
