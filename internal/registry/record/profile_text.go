package record

import (
	"bytes"
	"encoding/json"

	"gopkg.in/yaml.v3"

	"reconciler/internal/binding"
	"reconciler/internal/registry/wire"
)

// profileText and its fields are a profile as YAML, in the order of the schema.
type profileText struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name string `yaml:"name"`
	} `yaml:"metadata"`
	Spec struct {
		Version    string                      `yaml:"version"`
		Style      wire.Style                  `yaml:"style"`
		Platforms  map[binding.Platform]string `yaml:"platforms"`
		TokenCodes []string                    `yaml:"tokenCodes,omitempty"`
		Calls      yaml.Node                   `yaml:"calls"`
	} `yaml:"spec"`
}

type callText struct {
	Basis   string            `yaml:"basis"`
	Reason  string            `yaml:"reason"`
	Action  string            `yaml:"action,omitempty"`
	Version string            `yaml:"version,omitempty"`
	Style   wire.Style        `yaml:"style,omitempty"`
	Method  string            `yaml:"method,omitempty"`
	Path    string            `yaml:"path,omitempty"`
	Query   map[string]string `yaml:"query,omitempty"`
	Form    map[string]string `yaml:"form,omitempty"`
	Body    map[string]any    `yaml:"body,omitempty"`
	Answer  *answerText       `yaml:"answer,omitempty"`
}

type answerText struct {
	At        string            `yaml:"at,omitempty"`
	None      []string          `yaml:"none,flow"`
	NoneCodes []string          `yaml:"noneCodes,flow,omitempty"`
	Fields    map[string]string `yaml:"fields"`
}

// text returns the profile as YAML.
func (p *proposal) text() []byte {
	var t profileText
	t.APIVersion, t.Kind, t.Metadata.Name = binding.APIVersion, "WireProfile", "recorded"
	t.Spec.Version, t.Spec.Style, t.Spec.TokenCodes = p.base.Version, p.base.Style, p.base.TokenCodes
	t.Spec.Platforms = p.platforms()
	t.Spec.Calls.Kind = yaml.MappingNode
	for _, o := range wire.Operations() {
		c, ok := p.calls[o]
		if !ok {
			continue
		}
		var key, value yaml.Node
		key.SetString(string(o))
		if err := value.Encode(p.callText(o, c)); err != nil {
			panic(err) // Strings and maps of them can always be encoded.
		}
		t.Spec.Calls.Content = append(t.Spec.Calls.Content, &key, &value)
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(t); err != nil {
		panic(err) // As above.
	}
	return out.Bytes()
}

func (p *proposal) callText(o wire.Operation, c wire.Call) callText {
	t := callText{
		Basis: c.Basis, Reason: c.Reason, Action: c.Action, Method: c.Method, Path: c.Path,
		Query: c.Query, Form: c.Form, Body: numbers(c.Body),
	}
	if o == wire.CreateSource {
		return callText{Basis: c.Basis, Reason: c.Reason, Body: c.Body}
	}
	if c.Version != p.base.Version {
		t.Version = c.Version
	}
	if c.Style != p.base.Style {
		t.Style = c.Style
	}
	if o.Reads() {
		t.Answer = &answerText{c.Answer.At, c.Answer.None, c.Answer.NoneCodes, c.Answer.Fields}
		if t.Answer.None == nil {
			t.Answer.None = []string{}
		}
	}
	return t
}

// numbers converts JSON's numbers to YAML's.
func numbers(body map[string]any) map[string]any {
	if body == nil {
		return nil
	}
	out := map[string]any{}
	for name, v := range body {
		switch v := v.(type) {
		case json.Number:
			n, err := v.Int64()
			if err != nil {
				continue
			}
			out[name] = n
		case map[string]any:
			out[name] = numbers(v)
		default:
			out[name] = v
		}
	}
	return out
}
