package record

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
)

// leaf is a value in a request or an answer that is no object and no list.
type leaf struct {
	// path are the names of fields that lead to it; an item of a list has the
	// list's.
	path  []string
	value any
}

// name is the last name that leads to a leaf.
func (l leaf) name() string {
	if len(l.path) == 0 {
		return ""
	}
	return l.path[len(l.path)-1]
}

// text is the value as a path or a query has it.
func (l leaf) text() string {
	switch v := l.value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// leaves gives all leaves of a value, in the order of names.
func leaves(v any) []leaf { return leavesOf(v, true) }

// leavesOf are the leaves of a value, with or without those in lists.
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

// request are the leaves of an exchange's request: query and body.
func (x *exchange) request() []leaf {
	var all []leaf
	for _, name := range sortedKeys(x.query) {
		for _, l := range leaves(unpacked(x.query.Get(name))) {
			all = append(all, leaf{append([]string{name}, l.path...), l.value})
		}
	}
	return append(all, leaves(x.body)...)
}

// good says that the other side did what it was asked.
func (x *exchange) good() bool { return x.status >= 200 && x.status < 300 && x.answer != nil }

// parameter is the text of a parameter of the query or of the form, whatever
// case its name has.
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

// action is the product's name for the call, where the request has one whose
// words are known.
func (x *exchange) action(names Names) string {
	if a := x.parameter("action", "apiName", "api", "operation"); actionName.MatchString(a) && names.Known(a) {
		return a
	}
	return ""
}

// rpc says that a call is addressed by action and version, as RPC calls of the
// API are.
func (x *exchange) rpc() bool {
	return x.parameter("Action") != "" && dateName.MatchString(x.parameter("Version"))
}

// gateway says that a call goes through the console, which wraps the API's own
// parameters and signs in with cookies.
func (x *exchange) gateway() bool {
	return !x.rpc() && x.parameter("action", "apiName", "api", "operation") != ""
}

// purpose says whether the path or the action has one of the words.
func (x *exchange) purpose(words ...string) bool {
	for _, s := range append(slices.Clone(x.segments), x.parameter("action", "apiName", "api", "operation", "method")) {
		if has(s, words...) {
			return true
		}
	}
	return false
}

// abbreviations are short words for platforms.
var abbreviations = map[string]binding.Platform{
	"gl": binding.GitLab, "gh": binding.GitHub, "bb": binding.Bitbucket, "cu": binding.Codeup,
}

// platformIn is the platform that a word of the registry names.
func platformIn(word string) (binding.Platform, bool) {
	if p, ok := abbreviations[strings.ToLower(word)]; ok {
		return p, true
	}
	if len(word) > maxName || !(Names{}).Known(word) {
		return "", false
	}
	for _, p := range append(binding.Platforms(), "gitee") {
		if has(word, string(p)) || strings.EqualFold(word, string(p)) {
			return p, true
		}
	}
	return "", false
}

// isToken says that a field's name is that of a token that is bound, and not of
// one that the browser signs in with.
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

// evidence is what the exchanges show of the calls on accounts.
type evidence struct {
	names Names
	all   []exchange
	// bind, list and unbind are the exchanges of these calls; nil where there is
	// none.
	bind, list, unbind *exchange
	// none is how list says that nothing is bound, in the words of a wire
	// profile; noneCodes are error codes that say it. around are the names
	// between the place of none and the account.
	none, noneCodes, around []string
	// platform, username, address and token are the leaves of bind's request.
	platform, username, address, token *leaf
	// at leads to the account in list's answer, inList says that it is in a
	// list, account are its leaves by what they mean.
	at      []string
	inList  bool
	account map[string]leaf
	// word is the registry's word of the platform.
	word string
	// answered are the texts of answers, undone what unbinds name.
	answered, undone map[string]bool
}

// find looks for the calls. Values that come back elsewhere, such as the user
// name of a bind in the list after it, count more than names.
func find(names Names, all []exchange) *evidence {
	e := &evidence{names: names, all: all}
	e.index()
	e.findBind()
	e.findList()
	e.findUnbind()
	e.findNone()
	return e
}

// best is the exchange with the highest score that is not 0; of equals the last.
func (e *evidence) best(score func(*exchange) int) *exchange {
	var found *exchange
	top := 0
	for i := range e.all {
		if s := score(&e.all[i]); s > 0 && s >= top {
			found, top = &e.all[i], s
		}
	}
	return found
}

func (e *evidence) findBind() {
	e.bind = e.best(func(x *exchange) int {
		token, platform := e.bindLeaves(x)
		if x.method == "GET" || x.method == "DELETE" || token == nil || platform == nil {
			return 0
		}
		score := 1
		if x.good() {
			score += 4
		}
		if x.purpose("account", "accounts", "binding", "bindings", "bind", "source") {
			score += 2
		}
		return score
	})
	if e.bind == nil {
		return
	}
	e.token, e.platform = e.bindLeaves(e.bind)
	e.word = e.platform.text()
	for _, l := range e.bind.request() {
		text := l.text()
		switch {
		case e.same(l, e.token) || e.same(l, e.platform) || text == "":
		case e.address == nil && isAddress(l.name()) && address.MatchString(text):
			e.address = &l
		case e.username == nil && isUsername(l.name()):
			e.username = &l
		}
	}
}

func (*evidence) same(l leaf, other *leaf) bool {
	return other != nil && slices.Equal(l.path, other.path)
}

// shortestToken is the length of the shortest text that is taken for a token
// without a name that says so.
const shortestToken = 8

// bindLeaves are the token and the platform of a request that may bind. Where no
// name says what the token is, it is the one long text that nobody answers with.
func (e *evidence) bindLeaves(x *exchange) (token, platform *leaf) {
	var candidates []leaf
	for _, l := range x.request() {
		text, isText := l.value.(string)
		_, isPlatform := platformIn(l.text())
		switch {
		case isPlatform && platform == nil && !isToken(l.name()):
			platform = &l
		case isText && token == nil && isToken(l.name()):
			token = &l
		case isText && len(text) >= shortestToken && !isUsername(l.name()) && !address.MatchString(text) && !e.answered[text]:
			candidates = append(candidates, l)
		}
	}
	if token == nil && len(candidates) == 1 && x.purpose("account", "accounts", "binding", "bindings", "bind", "source", "host", "hosts", "link") {
		token = &candidates[0]
	}
	return token, platform
}

// findList finds the read that shows the account, and where in it the account's
// fields stand.
func (e *evidence) findList() {
	var found *place
	e.list = e.best(func(x *exchange) int {
		if !x.good() || x == e.bind || x.method != "GET" && !x.purpose("get", "list", "query", "describe", "search") {
			return 0
		}
		p := e.accountIn(x)
		if p == nil {
			return 0
		}
		if found == nil || p.score >= found.score {
			found = p
		}
		return p.score
	})
	if e.list == nil {
		return
	}
	e.at, e.inList, e.account = found.at, found.inList, found.roles
	if e.word == "" {
		e.word = found.word
	}
}

// place is an object of an answer that may be an account.
type place struct {
	at     []string
	inList bool
	roles  map[string]leaf
	word   string
	score  int
}

// accountIn is the object of an answer that is most likely the account; of equals
// the innermost.
func (e *evidence) accountIn(x *exchange) *place {
	var found *place
	asked := ""
	for _, l := range x.request() {
		if _, ok := platformIn(l.text()); ok {
			asked = l.text()
		}
	}
	var walk func(v any, at []string, inList bool, depth int)
	walk = func(v any, at []string, inList bool, depth int) {
		if depth > maxDepth {
			return
		}
		switch v := v.(type) {
		case []any:
			for _, item := range v[:min(len(v), maxNodes)] {
				walk(item, at, true, depth+1)
			}
		case map[string]any:
			if p := e.rolesOf(v, asked); p.score > 0 && (found == nil || p.score >= found.score) {
				p.at, p.inList = at, inList
				found = p
			}
			if inList {
				return // A profile leads to one list.
			}
			for _, name := range sortedKeys(v) {
				walk(v[name], append(slices.Clone(at), name), false, depth+1)
			}
		}
	}
	walk(x.answer, nil, false, 0)
	if found != nil && x.purpose("account", "accounts", "binding", "bindings") {
		found.score++
	}
	return found
}

// rolesOf says what the leaves of an object mean, if it is an account.
func (e *evidence) rolesOf(object map[string]any, asked string) *place {
	p := &place{roles: map[string]leaf{}}
	all := leavesOf(object, false)
	take := func(role string, score int, is func(leaf) bool) {
		if _, there := p.roles[role]; there {
			return
		}
		for _, l := range all {
			if l.text() != "" && is(l) && !p.taken(l) {
				p.roles[role] = l
				p.score += score
				return
			}
		}
	}
	take("platform", 2, func(l leaf) bool {
		_, ok := platformIn(l.text())
		if ok {
			p.word = l.text()
		}
		return ok && (asked == "" || strings.EqualFold(asked, l.text()))
	})
	if e.username != nil {
		take("username", 6, func(l leaf) bool { return l.text() == e.username.text() && !isID(l.name()) })
	}
	if e.address != nil {
		take("address", 2, func(l leaf) bool { return sameAddress(l.text(), e.address.text()) })
	}
	take("id", 4, e.usedByUnbind)
	take("id", 2, func(l leaf) bool {
		return isID(l.name()) && has(l.name(), "account", "acct", "accountid", "binding", "bindingid", "source")
	})
	take("id", 1, func(l leaf) bool {
		return isID(l.name()) && !has(l.name(), "instance", "region", "request", "owner", "creator", "user")
	})
	take("created", 0, isCreated)
	take("address", 0, func(l leaf) bool { return isAddress(l.name()) && address.MatchString(l.text()) })
	take("username", 2, func(l leaf) bool { return isUsername(l.name()) })
	_, hasName := p.roles["username"]
	_, hasID := p.roles["id"]
	_, hasPlatform := p.roles["platform"]
	if !hasName || !hasID || !hasPlatform && asked == "" {
		p.score = 0
	}
	if p.word == "" {
		p.word = asked
	}
	return p
}

func (p *place) taken(l leaf) bool {
	for _, other := range p.roles {
		if slices.Equal(other.path, l.path) {
			return true
		}
	}
	return false
}

func sameAddress(a, b string) bool {
	return a != "" && strings.EqualFold(strings.TrimRight(a, "/"), strings.TrimRight(b, "/"))
}

// unbinds says that an exchange may be an unbind.
func (x *exchange) unbinds() bool {
	return x.status < 300 && (x.method == "DELETE" || x.method != "GET" && x.purpose("delete", "unbind", "remove", "revoke", "unlink", "cancel"))
}

// usedByUnbind says that an unbind names its account by this value.
func (e *evidence) usedByUnbind(l leaf) bool {
	_, isPlatform := platformIn(l.text())
	return len(l.text()) > 1 && !isPlatform && e.undone[l.text()]
}

// index notes what answers say and what unbinds name, so that a large record is
// read once.
func (e *evidence) index() {
	e.answered, e.undone = map[string]bool{}, map[string]bool{}
	for i := range e.all {
		x := &e.all[i]
		for _, l := range leaves(x.answer) {
			e.answered[l.text()] = true
		}
		if !x.unbinds() {
			continue
		}
		for _, l := range x.request() {
			e.undone[l.text()] = true
		}
		for _, s := range x.segments {
			e.undone[s] = true
		}
	}
}

// names says that a request has a value, in its path or as a parameter.
func (x *exchange) names(value string) bool {
	return slices.Contains(x.segments, value) ||
		slices.ContainsFunc(x.request(), func(l leaf) bool { return l.text() == value })
}

func (e *evidence) findUnbind() {
	id := ""
	if l, ok := e.account["id"]; ok {
		id = l.text()
	}
	e.unbind = e.best(func(x *exchange) int {
		switch {
		case !x.unbinds() || x == e.bind:
			return 0
		case id != "" && x.names(id):
			return 2
		case x.purpose("account", "accounts", "binding", "bindings", "unbind") && e.word != "" && x.names(e.word):
			return 1
		}
		return 0
	})
}

// findNone finds a read like list that has no account.
func (e *evidence) findNone() {
	if e.list == nil {
		return
	}
	for i := range e.all {
		x := &e.all[i]
		if x == e.list || x.method != e.list.method || x.host != e.list.host || x.path != e.list.path ||
			x.action(e.names) != e.list.action(e.names) {
			continue
		}
		if x.good() {
			e.noneIn(x)
		} else if code := x.code(); x.status >= 400 && e.names.Known(code) && has(code, "account", "binding", "source") {
			note(&e.noneCodes, code)
		}
	}
}

// noneIn notes how an answer without an account says so. An account that is in
// no list may be missing together with what is around it.
func (e *evidence) noneIn(x *exchange) {
	for n := len(e.at); n >= 0; n-- {
		word := noneAt(x.answer, e.at[:n])
		if word == "" {
			if e.inList {
				return
			}
			continue
		}
		if len(e.none) > 0 && n != len(e.at)-len(e.around) {
			return // Two places cannot both be the profile's.
		}
		note(&e.none, word)
		e.around = e.at[n:]
		return
	}
}

// code is the error code of an answer.
func (x *exchange) code() string {
	object, _ := x.answer.(map[string]any)
	for _, name := range []string{"code", "Code", "errorCode"} {
		if code, ok := object[name].(string); ok {
			return code
		}
	}
	return ""
}

// noneAt is the word of a wire profile for a place that has nothing; empty for
// one that has something.
func noneAt(v any, at []string) string {
	for _, name := range at {
		object, ok := v.(map[string]any)
		if !ok {
			return "" // The place is not even near.
		}
		if v, ok = object[name]; !ok {
			return "absent"
		}
	}
	return wire.ShapeOf(v)
}

// operations are the exchanges that were found, by what they do.
func (e *evidence) operations() map[wire.Operation]*exchange {
	found := map[wire.Operation]*exchange{}
	for o, x := range map[wire.Operation]*exchange{wire.Bind: e.bind, wire.ListAccounts: e.list, wire.Unbind: e.unbind} {
		if x != nil {
			found[o] = x
		}
	}
	return found
}
