package record

import (
	"slices"
	"strings"

	"reconciler/internal/registry/wire"
)

// projects proposes listProjects from a list of objects with an owner and a
// name in a read about the account.
func (p *proposal) projects() {
	for i := range p.e.all {
		x := &p.e.all[i]
		if !x.succeeded() || !x.purpose("repos", "repositories", "projects") || !x.purpose("account", "accounts", "sourceaccount") && !x.purpose("source") || !p.namesAccount(x) {
			continue
		}
		at, object := firstObject(x.answer)
		namespace, name := ownerAndName(object)
		if namespace == nil || name == nil {
			continue
		}
		place, shown := p.dotted(at)
		owner, ownerShown := p.dotted(namespace)
		called, calledShown := p.dotted(name)
		c, ok := p.call(wire.ListProjects, x)
		if !ok || !shown || !ownerShown || !calledShown {
			continue
		}
		c.Answer = wire.Answer{At: place, None: []string{"empty-list"}, Fields: map[string]string{"sourceNamespace": owner, "sourceName": called}}
		p.done(wire.ListProjects, c)
		return
	}
}

// namesAccount reports whether a request is about the listed account.
func (p *proposal) namesAccount(x *exchange) bool {
	id, ok := p.e.account["id"]
	return ok && x.names(id.text())
}

// firstObject returns the first object of the first list in an answer.
func firstObject(v any) (at []string, object map[string]any) {
	switch v := v.(type) {
	case []any:
		if len(v) > 0 {
			object, _ = v[0].(map[string]any)
		}
		return nil, object
	case map[string]any:
		for _, name := range sortedKeys(v) {
			if at, object = firstObject(v[name]); object != nil {
				return append([]string{name}, at...), object
			}
		}
	}
	return nil, nil
}

// ownerAndName returns the places of a project's owner and name.
func ownerAndName(object map[string]any) (namespace, name []string) {
	for _, l := range leaves(object) {
		text := l.text()
		if text == "" || isID(l.name()) || isAddress(l.name()) {
			continue
		}
		switch {
		case has(l.name(), "namespace", "owner", "group") && namespace == nil:
			namespace = l.path
		case lastWord(l.name()) == "name" && !has(l.name(), "namespace", "owner", "group", "user") && name == nil:
			name = l.path
		}
	}
	return namespace, name
}

// source proposes readSource from an object that has the flags of a source.
func (p *proposal) source() {
	for i := range p.e.all {
		x := &p.e.all[i]
		image := imagePath(x.segments)
		if !x.succeeded() || image == nil || x.method != "GET" {
			continue
		}
		at, fields := p.sourceIn(x.answer, nil)
		if fields == nil {
			continue
		}
		base := p.base.Calls[wire.ReadSource]
		c := wire.Call{Action: base.Action, Method: "GET"}
		t := &template{p: p, o: wire.ReadSource, values: map[string]string{image[0]: "$imageNamespace", image[1]: "$imageName"}}
		c.Path = t.path(x.segments)
		place, shown := p.dotted(at)
		if !shown || t.broken {
			continue
		}
		c.Answer = wire.Answer{At: place, None: base.Answer.None, Fields: fields}
		p.done(wire.ReadSource, c)
		return
	}
}

// imagePath returns the namespace and the name of the image repository in a
// path: the segments after repos.
func imagePath(segments []string) []string {
	at := slices.IndexFunc(segments, func(s string) bool { return has(s, "repos", "repositories", "repo") })
	if at < 0 || len(segments) < at+4 {
		return nil
	}
	return segments[at+1 : at+3]
}

// sourceIn finds the object of an answer that is a source.
func (p *proposal) sourceIn(v any, at []string) ([]string, map[string]string) {
	object, ok := v.(map[string]any)
	if !ok || len(at) > 4 {
		return nil, nil
	}
	fields := map[string]string{}
	for _, name := range sortedKeys(object) {
		role := sourceRole(name, object[name])
		if role != "" && fields[role] == "" && p.e.names.Known(name) {
			fields[role] = name
		}
	}
	if len(fields) == 6 {
		return at, fields
	}
	for _, name := range sortedKeys(object) {
		if at, fields := p.sourceIn(object[name], append(slices.Clone(at), name)); fields != nil {
			return at, fields
		}
	}
	return nil, nil
}

// sourceRole returns what a field of a source means.
func sourceRole(name string, v any) string {
	if _, isFlag := v.(bool); isFlag {
		switch {
		case has(name, "auto"):
			return "auto"
		case has(name, "oversea", "overseas"):
			return "overseas"
		case has(name, "cache") && has(name, "disable", "disabled", "no"):
			return "noBuildCache"
		case has(name, "cache"):
			return "buildCache"
		}
		return ""
	}
	text, _ := v.(string)
	_, isPlatform := platformIn(text)
	switch {
	case isPlatform:
		return "platform"
	case text != "" && strings.EqualFold(lastWord(name), "namespace"):
		return "sourceNamespace"
	case text != "" && lastWord(name) == "name":
		return "sourceName"
	}
	return ""
}
