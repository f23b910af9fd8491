package record

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"reconciler/internal/binding"
)

// place is an object in an answer that may be an account.
type place struct {
	at     []string
	inList bool
	roles  map[string]leaf
	word   string
	score  int
}

// accountIn finds the object of an answer that is most likely the account. Among
// equals it is the innermost.
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
				return // A profile supports only one list.
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

// rolesOf determines what the leaves of an object mean if it is an account.
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
		take("address", 2, e.isItsAddress)
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
	p.word = cmp.Or(p.word, asked)
	return p
}

func (p *place) taken(l leaf) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(p.roles)), func(other leaf) bool { return slices.Equal(other.path, l.path) })
}

func (e *evidence) isItsAddress(l leaf) bool {
	return l.text() != "" && binding.SameAddress(l.text(), e.address.text())
}
