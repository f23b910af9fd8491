package record

import (
	"slices"

	"reconciler/internal/registry/wire"
)

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

// unbinds reports whether an exchange may be an unbind.
func (x *exchange) unbinds() bool {
	return x.status < 300 && (x.method == "DELETE" || x.method != "GET" && x.purpose("delete", "unbind", "remove", "revoke", "unlink", "cancel"))
}

// usedByUnbind reports whether an unbind names its account by this value.
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

// names reports whether a request has a value, in its path or as a parameter.
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
