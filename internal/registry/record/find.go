package record

import (
	"cmp"
	"maps"
	"slices"

	"reconciler/internal/registry/wire"
)

// evidence is what the exchanges show about the calls on accounts.
type evidence struct {
	names Names
	all   []exchange
	// bind, list and unbind are the exchanges of these calls; nil if there is
	// none.
	bind, list, unbind *exchange
	// none is how list says that nothing is bound, in the terms of a wire
	// profile. noneCodes are error codes with this meaning. enclosing has the
	// names between the place of none and the account.
	none, noneCodes, enclosing []string
	// platform, username, address and token are the leaves of bind's request.
	platform, username, address, token *leaf
	// at is the path of the account in list's answer. inList is true if the
	// account is in a list. account has its leaves by what they mean.
	at      []string
	inList  bool
	account map[string]leaf
	// word is the registry's name of the platform.
	word string
	// answered has the texts in answers, and unbindNames what unbind calls name.
	answered, unbindNames map[string]bool
}

// find searches for the calls. Values that appear again, such as the user name
// of a bind in a later list, count more than names.
func find(names Names, all []exchange) *evidence {
	e := &evidence{names: names, all: all}
	e.index()
	e.findBind()
	e.findList()
	e.findUnbind()
	e.findNone()
	return e
}

// best returns the exchange with the highest score above 0, and among equals the
// last.
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
		if x.succeeded() {
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

// shortestToken is the minimum length of a text that counts as a token although
// its name does not say so.
const shortestToken = 8

// bindLeaves returns the token and the platform of a request that may be a bind.
// If no name identifies the token, it is the only long text that is in no
// answer.
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

// findList finds the read that shows the account, and where the account's
// fields are in it.
func (e *evidence) findList() {
	var found *place
	e.list = e.best(func(x *exchange) int {
		if !x.succeeded() || x == e.bind || x.method != "GET" && !x.purpose("get", "list", "query", "describe", "search") {
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
	e.word = cmp.Or(e.word, found.word)
}

// unbinds reports whether an exchange may be an unbind.
func (x *exchange) unbinds() bool {
	return x.status < 300 && (x.method == "DELETE" || x.method != "GET" && x.purpose("delete", "unbind", "remove", "revoke", "unlink", "cancel"))
}

// usedByUnbind reports whether an unbind names its account by this value.
func (e *evidence) usedByUnbind(l leaf) bool {
	_, isPlatform := platformIn(l.text())
	return len(l.text()) > 1 && !isPlatform && e.unbindNames[l.text()]
}

// index collects the texts in answers and what unbind calls name, so that a
// large record is read only once.
func (e *evidence) index() {
	e.answered, e.unbindNames = map[string]bool{}, map[string]bool{}
	for i := range e.all {
		x := &e.all[i]
		for _, l := range leaves(x.answer) {
			e.answered[l.text()] = true
		}
		if !x.unbinds() {
			continue
		}
		for _, l := range x.request() {
			e.unbindNames[l.text()] = true
		}
		for _, s := range x.segments {
			e.unbindNames[s] = true
		}
	}
}

// names reports whether a request contains a value, in its path or as a
// parameter.
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

// findNone finds a read like list whose answer has no account.
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
		if x.succeeded() {
			e.noneIn(x)
		} else if code := x.code(); x.status >= 400 && e.names.Known(code) && has(code, "account", "binding", "source") {
			note(&e.noneCodes, code)
		}
	}
}

// noneIn finds out how an answer without an account looks. If the account is
// not in a list, the objects around it may be missing too.
func (e *evidence) noneIn(x *exchange) {
	for n := len(e.at); n >= 0; n-- {
		word := noneAt(x.answer, e.at[:n])
		if word == "" {
			if e.inList {
				return
			}
			continue
		}
		if len(e.none) > 0 && n != len(e.at)-len(e.enclosing) {
			return // A profile supports only one place.
		}
		note(&e.none, word)
		e.enclosing = e.at[n:]
		return
	}
}

// code returns the error code of an answer.
func (x *exchange) code() string {
	object, _ := x.answer.(map[string]any)
	for _, name := range []string{"code", "Code", "errorCode"} {
		if code, ok := object[name].(string); ok {
			return code
		}
	}
	return ""
}

// noneAt is the wire profile's term for an empty place; empty if the place has
// a value.
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

// operations returns the exchanges that were found, by what they do.
func (e *evidence) operations() map[wire.Operation]*exchange {
	found := map[wire.Operation]*exchange{wire.Bind: e.bind, wire.ListAccounts: e.list, wire.Unbind: e.unbind}
	maps.DeleteFunc(found, func(_ wire.Operation, x *exchange) bool { return x == nil })
	return found
}
