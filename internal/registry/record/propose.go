package record

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// proposal is a wire profile in progress, and what is missing in it.
type proposal struct {
	e    *evidence
	base *wire.Profile
	// reason says where a recorded call comes from.
	reason string
	calls  map[wire.Operation]wire.Call
	// recorded are the operations whose calls were recorded.
	recorded []wire.Operation
	missing  []message.Message
}

// propose makes a wire profile from what was found. The rest is taken from
// base. text is nil if nothing was found that a profile needs. reads is true if
// only reads were sent.
func propose(e *evidence, base *wire.Profile, reason string, reads bool) (*proposal, []byte) {
	p := &proposal{e: e, base: base, reason: reason, calls: maps.Clone(base.Calls)}
	p.list()
	if reads {
		p.addMissing(message.New("registry-record.missing.writes"))
	} else {
		p.bind()
		p.unbind()
	}
	p.projects()
	p.source()
	if len(p.recorded) == 0 {
		return p, nil
	}
	text := p.text()
	if _, findings := wire.Parse("proposed profile", text); len(findings) > 0 {
		for _, f := range findings {
			// The finding's message may repeat a value.
			p.addMissing(message.New("registry-record.missing.unfit", "field", f.Path, "rule", f.Code))
		}
		return p, nil
	}
	return p, text
}

func (p *proposal) addMissing(m message.Message) { p.missing = append(p.missing, m) }

func (p *proposal) done(o wire.Operation, c wire.Call) {
	c.Basis, c.Reason = "recorded", p.reason
	p.calls[o] = c
	p.recorded = append(p.recorded, o)
}

// dotted returns a path in the notation of a profile; ok is false if it has a
// name that may not be shown.
func (p *proposal) dotted(path []string) (string, bool) {
	for _, name := range path {
		if !p.e.names.Known(name) || !fieldName.MatchString(name) {
			return "", false
		}
	}
	return strings.Join(path, "."), true
}

var (
	fieldName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)
	// instanceID matches the registry's ID of an instance.
	instanceID = regexp.MustCompile(`^crp?i-[a-z0-9]{8,40}$`)
	// versionPart matches a version in a path.
	versionPart = regexp.MustCompile(`^v[0-9]{1,2}(beta[0-9]?)?$`)
	plainPart   = regexp.MustCompile(`^[A-Za-z0-9_.~-]+$`)
)

func (p *proposal) list() {
	e := p.e
	if e.list == nil {
		p.addMissing(message.New("registry-record.missing.list"))
		return
	}
	c, ok := p.call(wire.ListAccounts, e.list)
	if !ok {
		return
	}
	at, ok := p.dotted(e.at[:len(e.at)-len(e.enclosing)])
	if !ok {
		p.addMissing(message.New("registry-record.missing.masked", "call", string(wire.ListAccounts), "what", message.New("registry-record.part.at")))
		return
	}
	c.Answer = wire.Answer{At: at, None: e.none, NoneCodes: e.noneCodes, Fields: map[string]string{}}
	if len(e.none)+len(e.noneCodes) == 0 {
		p.addMissing(message.New("registry-record.missing.no-account"))
		return
	}
	for _, role := range []string{"id", "platform", "username", "address", "created"} {
		l, found := e.account[role]
		field, shown := p.dotted(append(slices.Clone(e.enclosing), l.path...))
		switch {
		case found && shown:
			c.Answer.Fields[role] = field
		case found:
			p.addMissing(message.New("registry-record.missing.masked", "call", string(wire.ListAccounts), "what", part(role)))
			ok = ok && role != "id" && role != "username"
		case role == "address" || role == "created":
			p.addMissing(message.New("registry-record.missing.field", "call", string(wire.ListAccounts), "what", part(role)))
		}
	}
	if ok {
		p.done(wire.ListAccounts, c)
	}
}

// part is the message with the name of a role.
func part(role string) message.Message {
	if role == "id" {
		role = "account-id"
	}
	return message.New("registry-record.part." + role)
}

func (p *proposal) bind() {
	e := p.e
	if e.bind == nil {
		p.addMissing(message.New("registry-record.missing.bind"))
		return
	}
	c, ok := p.call(wire.Bind, e.bind)
	if !ok {
		return
	}
	if e.username == nil {
		p.addMissing(message.New("registry-record.missing.field", "call", string(wire.Bind), "what", part("username")))
		return
	}
	if e.address == nil {
		p.addMissing(message.New("registry-record.missing.field", "call", string(wire.Bind), "what", part("address")))
	}
	p.done(wire.Bind, c)
}

func (p *proposal) unbind() {
	if p.e.unbind == nil {
		p.addMissing(message.New("registry-record.missing.unbind"))
		return
	}
	if c, ok := p.call(wire.Unbind, p.e.unbind); ok {
		p.done(wire.Unbind, c)
	}
}

// call converts an exchange's request to a call with placeholders.
func (p *proposal) call(o wire.Operation, x *exchange) (wire.Call, bool) {
	base := p.base.Calls[o]
	t := &template{p: p, o: o, values: p.values(o)}
	c := wire.Call{Action: base.Action, Method: x.method}
	if a := x.action(p.e.names); a != "" && (!o.Reads() || readAction.MatchString(a)) {
		c.Action = a
	}
	switch {
	case x.rpc():
		c.Style, c.Version, c.Path = wire.RPC, x.parameter("Version"), "/"
		c.Query = t.parameters(x.queryFields(), "Action", "Version")
		if x.form {
			c.Form = t.parameters(fieldsOf(x.body), "Action", "Version")
		}
	case x.gateway():
		// The console wraps the parameters of the API's call.
		p.addMissing(message.New("registry-record.missing.gateway", "call", string(o), "path", base.Path, "method", base.Method))
		c.Method, c.Path = base.Method, base.Path
		inner := x.wrapped()
		if c.Method == "GET" || c.Method == "DELETE" {
			c.Query = t.parameters(withoutPath(inner, t, base.Path))
		} else {
			c.Body, _ = t.fill(inner).(map[string]any)
		}
	default:
		c.Path = t.path(x.segments)
		c.Query = t.parameters(x.queryFields())
		if body, isObject := x.body.(map[string]any); isObject && x.form {
			c.Form = t.parameters(body)
		} else if isObject {
			c.Body, _ = t.fill(body).(map[string]any)
		}
	}
	t.report()
	if method(c.Method) == Masked {
		t.fail("method")
	}
	if c.Method == "GET" && c.Body != nil {
		c.Body = nil
	}
	return c, !t.broken
}

var readAction = regexp.MustCompile(`^(Get|List|Query|Describe)`)

// values returns the values in the request that placeholders replace.
func (p *proposal) values(o wire.Operation) map[string]string {
	e, values := p.e, map[string]string{}
	for i := range e.all {
		for _, l := range e.all[i].request() {
			if instanceID.MatchString(l.text()) {
				values[l.text()] = "$instanceId"
			}
		}
	}
	if e.word != "" {
		values[e.word] = "$platform"
	}
	if o == wire.ListAccounts {
		return values
	}
	if e.username != nil {
		values[e.username.text()] = "$username"
	}
	if e.address != nil {
		values[e.address.text()] = "$address"
	}
	if id, ok := e.account["id"]; ok && o != wire.Bind {
		values[id.text()] = "$account"
	}
	if e.token != nil && o == wire.Bind {
		values[e.token.text()] = "$token"
	}
	return values
}

// queryFields returns the query as an object.
func (x *exchange) queryFields() map[string]any {
	fields := map[string]any{}
	for name := range x.query {
		fields[name] = x.query.Get(name)
	}
	return fields
}

func fieldsOf(v any) map[string]any {
	object, _ := v.(map[string]any)
	return object
}

// wrapped returns the parameters that the console's request wraps: the object
// among its fields, or the fields themselves.
func (x *exchange) wrapped() map[string]any {
	fields := x.queryFields()
	for name := range fields {
		fields[name] = unpacked(x.query.Get(name))
	}
	maps.Copy(fields, fieldsOf(x.body))
	for _, name := range sortedKeys(fields) {
		if object, ok := fields[name].(map[string]any); ok && has(name, "params", "param", "parameters", "data", "content", "body", "request", "args") {
			return object
		}
	}
	return fields
}

// withoutPath leaves out what the path already contains.
func withoutPath(fields map[string]any, t *template, path string) map[string]any {
	out := map[string]any{}
	for name, v := range fields {
		if p := t.values[(leaf{value: v}).text()]; p == "" || !strings.Contains(path, p) {
			out[name] = v
		}
	}
	return out
}

// platforms returns the registry's names of the platforms, in the form of the
// one that was seen.
func (p *proposal) platforms() map[binding.Platform]string {
	words := maps.Clone(p.base.Platforms)
	platform, ok := platformIn(p.e.word)
	if !ok {
		return words
	}
	for other, word := range words {
		if abbreviations[strings.ToLower(p.e.word)] != "" {
			word = abbreviationOf(other, word)
		}
		switch p.e.word {
		case strings.ToLower(p.e.word):
			words[other] = strings.ToLower(word)
		case strings.ToUpper(p.e.word):
			words[other] = strings.ToUpper(word)
		case platform.Title():
			words[other] = other.Title()
		}
	}
	words[platform] = p.e.word
	return words
}

// abbreviationOf is the short name of a platform.
func abbreviationOf(p binding.Platform, word string) string {
	for short, platform := range abbreviations {
		if platform == p {
			return short
		}
	}
	return word
}
