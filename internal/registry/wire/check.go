package wire

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// checker checks what the schema cannot express, and collects findings with
// their places.
type checker struct {
	file   string
	places binding.Positions
	found  []finding.Finding
}

// add adds a finding at the field, or at the nearest enclosing one.
func (c *checker) add(path string, m message.Message) {
	at := c.places.Nearest(path)
	c.found = append(c.found, finding.New("field-value", m).At(c.file, at.Line, at.Column).In(path))
}

// call checks one call and converts it to a Call.
func (c *checker) call(p *Profile, o Operation, open openCall) Call {
	call, at := open.Call, "spec.calls."+string(o)
	call.Version = cmp.Or(call.Version, p.Version)
	call.Style = cmp.Or(call.Style, p.Style)
	call.Path = cmp.Or(call.Path, "/")
	used, before := map[string]bool{}, len(c.found)
	c.text(o, at+".path", call.Path, used)
	call.Query = c.parameters(o, at+".query", open.Query, used)
	if used["token"] {
		c.add(at, message.New("wire.token-in-url"))
	}
	call.Form = c.parameters(o, at+".form", open.Form, used)
	call.Body = c.body(o, at+".body", open.Body, used)
	if len(call.Form) > 0 && call.Body != nil {
		c.add(at+".body", message.New("wire.form-and-body"))
	}
	if call.Style == ROA && o.Reads() && call.Method != "GET" {
		c.add(at+".method", message.New("wire.read-method"))
	}
	for _, group := range needs(o) {
		if len(c.found) == before && !slices.ContainsFunc(group, func(name string) bool { return used[name] }) {
			c.add(at, message.New("wire.unused", "call", string(o), "names", dollars(group)))
		}
	}
	call.used = used
	if o == ListAccounts && !used["platform"] && call.Answer.Fields["platform"] == "" {
		c.add(at+".answer.fields", message.New("wire.no-platform"))
	}
	c.answer(o, at+".answer", call.Answer)
	return call
}

// parameters checks parameters: texts by name.
func (c *checker) parameters(o Operation, at string, value any, used map[string]bool) map[string]string {
	if value == nil {
		return nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		c.add(at, message.New("wire.parameters"))
		return nil
	}
	texts := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		text, ok := fields[name].(string)
		if !ok {
			c.add(at+"."+name, message.New("wire.parameter", "name", name))
			continue
		}
		c.text(o, at+"."+name, text, used)
		texts[name] = text
	}
	return texts
}

// body checks a body: a JSON object.
func (c *checker) body(o Operation, at string, value any, used map[string]bool) map[string]any {
	if value == nil {
		return nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		c.add(at, message.New("wire.body"))
		return nil
	}
	c.value(o, at, fields, used)
	return fields
}

func (c *checker) value(o Operation, at string, value any, used map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			c.value(o, at+"."+name, v[name], used)
		}
	case []any:
		for i, item := range v {
			c.value(o, fmt.Sprintf("%s[%d]", at, i), item, used)
		}
	case string:
		c.text(o, at, v, used)
	}
}

// text checks the placeholders of a text.
func (c *checker) text(o Operation, at, text string, used map[string]bool) {
	for _, match := range placeholder.FindAllString(text, -1) {
		name, yes, _ := nameIn(match)
		switch {
		case name == "$":
		case !slices.Contains(names(o), name):
			c.add(at, message.New("wire.placeholder", "name", match, "names", dollars(names(o))))
		case yes != "" && !isFlag(name):
			c.add(at, message.New("wire.words", "name", "$"+name))
		default:
			used[name] = true
		}
	}
}

// answer checks that one of several alternative fields exists.
func (c *checker) answer(o Operation, at string, answer Answer) {
	groups := map[Operation][][]string{
		ListProjects: {{"source", "sourceName"}},
		ReadSource:   {{"source", "sourceName"}, {"auto", "manual"}, {"overseas", "domestic"}, {"buildCache", "noBuildCache"}},
	}
	if o.Reads() && len(answer.None)+len(answer.NoneCodes) == 0 {
		c.add(at+".none", message.New("wire.no-none"))
	}
	has := func(name string) bool { return answer.Fields[name] != "" }
	for _, group := range groups[o] {
		if has(group[0]) == has(group[1]) {
			c.add(at+".fields", message.New("wire.one-of", "names", group))
		}
	}
	if groups[o] != nil && has("sourceName") != has("sourceNamespace") {
		c.add(at+".fields", message.New("wire.both", "names", []string{"sourceNamespace", "sourceName"}))
	}
}

// platforms checks that no name means two platforms.
func (c *checker) platforms(p *Profile) {
	seen := map[string]bool{}
	for _, platform := range slices.Sorted(maps.Keys(p.Platforms)) {
		if word := p.Platforms[platform]; seen[word] {
			c.add("spec.platforms."+string(platform), message.New("wire.platform-twice", "word", word))
		}
		seen[p.Platforms[platform]] = true
	}
}

func dollars(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = "$" + name
	}
	return out
}
