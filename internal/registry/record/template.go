package record

import (
	"encoding/json"
	"slices"
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// template replaces values in a request with placeholders. It keeps nothing
// that could identify anybody.
type template struct {
	p      *proposal
	o      wire.Operation
	values map[string]string
	// dropped are the names of fields whose meaning is unknown.
	dropped []string
	// broken is true if the request cannot be expressed as a call of a profile.
	broken bool
}

// fail records why a request cannot be expressed.
func (t *template) fail(what string) {
	t.broken = true
	t.p.addMissing(message.New("registry-record.missing.masked", "call", string(t.o), "what", part(what)))
}

// path returns the path with placeholders.
func (t *template) path(segments []string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteByte('/')
		switch placeholder := t.values[s]; {
		case placeholder != "":
			b.WriteString(placeholder)
		case versionPart.MatchString(s):
			b.WriteString(s)
		case plainPart.MatchString(s) && (t.p.e.names.Known(s) || dateName.MatchString(s)):
			b.WriteString(s)
		default:
			t.fail("path")
			return "/"
		}
	}
	return b.String()
}

// parameters returns the texts of a query or a form, with placeholders.
func (t *template) parameters(fields map[string]any, without ...string) map[string]string {
	out := map[string]string{}
	for _, name := range sortedKeys(fields) {
		if slices.Contains(without, name) {
			continue
		}
		v, keep := t.leaf(name, fields[name])
		text := ""
		switch v := v.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		case bool:
			text = map[bool]string{true: "true", false: "false"}[v]
		default:
			keep = false
		}
		if keep && text != "" {
			out[name] = text
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// fill returns a body with placeholders.
func (t *template) fill(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	out := map[string]any{}
	for _, name := range sortedKeys(fields) {
		if inner, ok := fields[name].(map[string]any); ok {
			t.object(out, name, inner)
		} else if value, keep := t.leaf(name, fields[name]); keep {
			out[name] = value
		}
	}
	return out
}

func (t *template) object(out map[string]any, name string, inner map[string]any) {
	filled, _ := t.fill(inner).(map[string]any)
	switch {
	case len(filled) == 0 && len(inner) > 0:
	case !t.p.e.names.Known(name):
		t.fail("request")
	default:
		out[name] = filled
	}
}

// leaf returns one value of a request: a placeholder, or a constant that cannot
// identify anybody.
func (t *template) leaf(name string, v any) (any, bool) {
	text := leaf{value: v}.text()
	placeholder, known := t.values[text]
	if known && text != "" {
		if !t.p.e.names.Known(name) {
			t.fail("request")
			return nil, false
		}
		return placeholder, true
	}
	if !t.p.e.names.Known(name) {
		note(&t.dropped, Masked)
		return nil, false
	}
	switch v := v.(type) {
	case nil, bool:
		return v, true
	case string:
		if v == "" || enumerated(name, v) || isPaging(name, text) {
			return v, true
		}
	case json.Number:
		if isPaging(name, text) {
			return v, true
		}
	}
	shown, _ := t.p.e.names.Show(name)
	note(&t.dropped, shown)
	return nil, false
}

// isPaging reports whether a value is a page number or size.
func isPaging(name, text string) bool {
	return len(text) <= 3 && digits.MatchString(text) && has(name, "page", "size", "limit", "offset")
}

// report reports which fields were left out.
func (t *template) report() {
	if len(t.dropped) > 0 {
		t.p.addMissing(message.New("registry-record.missing.dropped", "call", string(t.o), "fields", t.dropped))
	}
}
