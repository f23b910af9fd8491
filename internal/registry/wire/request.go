package wire

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"reconciler/internal/message"
)

// Request is a call to send.
type Request struct {
	Action, Version string
	Style           Style
	Method          string
	// Path is escaped.
	Path  string
	Query map[string]string
	// Form has the parameters of a form; nil if there is none.
	Form map[string]string
	// Body is JSON; nil if there is none.
	Body []byte
}

// Request makes the request of an operation. It is an error if a required
// argument other than the address is empty, or if one cannot be a segment of
// the path.
func (p *Profile) Request(o Operation, a Arguments) (Request, error) {
	call, ok := p.Calls[o]
	if !ok || o == CreateSource {
		return Request{}, ErrNoCall
	}
	f := &filler{values: p.placeholders(o, a)}
	r := Request{Action: call.Action, Version: call.Version, Style: call.Style, Method: call.Method}
	r.Path = f.path(call.Path)
	r.Query, r.Form = f.parameters(call.Query), f.parameters(call.Form)
	if call.Body != nil {
		body, err := json.Marshal(f.fill(call.Body))
		if err != nil {
			return Request{}, message.NewError("wire.unwritable", "why", err)
		}
		r.Body = body
	}
	return r, f.err
}

// Probe makes a request that only finds out whether an operation is served. For a
// read, that is the read. For a write, it has the account 0 or the image
// repository of the arguments in the path, no parameters and an empty body. If the
// path of a write would name something real, or a whole collection that DELETE
// would empty, the error is ErrNotProbed.
func (p *Profile) Probe(o Operation, a Arguments) (Request, error) {
	for platform := range p.Platforms { // Any platform will do. Take the first by name, so that it is always the same.
		if a.Account.Platform == "" || platform < a.Account.Platform {
			a.Account.Platform = platform
		}
	}
	a.Account.ID = "0"
	if o.Reads() {
		return p.Request(o, a)
	}
	call, ok := p.Calls[o]
	if !ok || o == CreateSource {
		return Request{}, ErrNoCall
	}
	if !call.probed(o) {
		return Request{Action: call.Action}, ErrNotProbed
	}
	f := &filler{values: p.placeholders(o, a)}
	r := Request{Action: call.Action, Version: call.Version, Style: call.Style, Method: call.Method, Path: f.path(call.Path)}
	if call.Body != nil {
		r.Body = []byte("{}")
	}
	return r, f.err
}

// ErrNotProbed means that no harmless call can find out whether a write is served.
var ErrNotProbed = message.NewError("wire.not-probed")

// probed reports whether a call with only its path is harmless. That is so if
// what the path names certainly does not exist, or for an RPC call, because
// without parameters it names nothing.
func (c Call) probed(o Operation) bool {
	if c.Style == RPC {
		return true
	}
	used := map[string]bool{}
	for _, match := range placeholder.FindAllString(c.Path, -1) {
		name, _, _ := nameIn(match)
		used[name] = true
	}
	named := used["account"] || used["image"] || used["imageName"]
	if used["platform"] || used["username"] {
		return false
	}
	return named || o == Bind && c.Method != "DELETE"
}

// AddSource adds the source to the body of the documented call that creates an
// image repository, as CreateSource describes.
func (p *Profile) AddSource(body map[string]any, a Arguments) error {
	call, ok := p.Calls[CreateSource]
	if !ok {
		return ErrNoCall
	}
	f := &filler{values: p.placeholders(CreateSource, a)}
	filled, _ := f.fill(call.Body).(map[string]any)
	merge(body, filled)
	return f.err
}

// merge adds fields to an object, recursively.
func merge(into, fields map[string]any) {
	for name, value := range fields {
		inner, ok := value.(map[string]any)
		outer, exists := into[name].(map[string]any)
		if ok && exists {
			merge(outer, inner)
			continue
		}
		into[name] = value
	}
}

// filler fills values into a call. It keeps the first error.
type filler struct {
	values map[string]any
	err    error
}

// optional reports whether a call may be sent without a value.
func optional(name string) bool { return name == "address" }

// text fills a text. It is false if the value was left out.
func (f *filler) text(text string, escape func(string) string) (string, bool) {
	present := true
	filled := placeholder.ReplaceAllStringFunc(text, func(match string) string {
		name, yes, no := nameIn(match)
		if name == "$" {
			return "$"
		}
		var value string
		switch v := f.values[name].(type) {
		case bool:
			value = fmt.Sprint(v)
			if yes != "" {
				value = map[bool]string{true: yes, false: no}[v]
			}
		case string:
			value = v
		}
		if name == "account" && !IsIdentifier(value) && f.err == nil {
			f.err = message.NewError("wire.account-id")
		}
		if value == "" && optional(name) {
			present = false
		} else if value == "" && f.err == nil {
			f.err = message.NewError("wire.needs", "name", name)
		}
		return escape(value)
	})
	return filled, present
}

// path fills a path. A value becomes one segment of it.
func (f *filler) path(path string) string {
	filled, _ := f.text(path, func(value string) string {
		if (value == "." || value == "..") && f.err == nil {
			f.err = message.NewError("wire.path", "value", value)
		}
		return url.PathEscape(value)
	})
	return filled
}

func (f *filler) parameters(parameters map[string]string) map[string]string {
	if parameters == nil {
		return nil
	}
	out := map[string]string{}
	for name, text := range parameters {
		if value, ok := f.text(text, plain); ok {
			out[name] = value
		}
	}
	return out
}

func plain(s string) string { return s }

// fill fills a value of a body. A text that is a single placeholder for a
// boolean becomes that boolean.
func (f *filler) fill(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, inner := range v {
			if text, ok := inner.(string); ok && strings.HasPrefix(text, "$") && f.leftOut(text) {
				continue
			}
			out[name] = f.fill(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = f.fill(item)
		}
		return out
	case string:
		if flag, ok := f.values[strings.TrimPrefix(v, "$")].(bool); ok && strings.HasPrefix(v, "$") {
			return flag
		}
		text, _ := f.text(v, plain)
		return text
	}
	return value
}

// leftOut reports whether a text is a placeholder without a value.
func (f *filler) leftOut(text string) bool {
	name := strings.TrimPrefix(text, "$")
	return optional(name) && f.values[name] == ""
}
