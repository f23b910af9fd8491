package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"reconciler/internal/message"
)

// KindRegistryRecord is the kind of the output of `registry record`.
const KindRegistryRecord = "RegistryRecord"

// Sources of a registry record.
const (
	FromAPI = "api"
	FromHAR = "har"
)

// Whether a call is served.
const (
	Served        = "yes"
	NotServed     = "no"
	ServedUnknown = "unknown"
	NotSent       = "not-sent"
)

// RegistryRecord is what `registry record` found out. It can be shown to
// anybody: its only values are enumerations, and it contains no ID.
type RegistryRecord struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Source is "api" or "har".
	Source string         `json:"source"`
	Calls  []RecordedCall `json:"calls"`
	// ProfileCalls says what each call of the profile is based on.
	ProfileCalls []ProfileCall `json:"profileCalls"`
	// Missing is what could not be found, and Next what to do.
	Missing []Text `json:"missing"`
	Next    []Text `json:"next"`
	// Profile is the proposed wire profile as YAML; empty if there is none.
	Profile string `json:"profile"`
}

// Complete reports whether the profile has everything that can be recorded from
// the source: the read of accounts and, from a network record, also bind and
// unbind.
func (r RegistryRecord) Complete() bool {
	recorded := map[string]bool{}
	for _, c := range r.ProfileCalls {
		recorded[c.Call] = c.Basis == "recorded"
	}
	return r.Profile != "" && recorded["listAccounts"] && (r.Source == FromAPI || recorded["bind"] && recorded["unbind"])
}

// RecordedCall is one call and its result.
type RecordedCall struct {
	// Call is what a call in a network record does: listAccounts, bind or
	// unbind.
	Call    string `json:"call,omitempty"`
	Version string `json:"version,omitempty"`
	Action  string `json:"action,omitempty"`
	Method  string `json:"method"`
	Host    string `json:"host,omitempty"`
	Path    string `json:"path"`
	// Platform is the platform of the call, and Parameters are the names in its
	// query.
	Platform   string   `json:"platform,omitempty"`
	Parameters []string `json:"parameters,omitempty"`
	// Served is "yes", "no", "unknown" or "not-sent".
	Served string `json:"served"`
	Status int    `json:"status,omitempty"`
	// Code is the error code, with "?" for words that may identify somebody.
	Code    string `json:"code,omitempty"`
	Message Text   `json:"message,omitzero"`
	Request *Shape `json:"request,omitempty"`
	Answer  *Shape `json:"answer,omitempty"`
}

// ProfileCall says what a call of a wire profile is based on: "documented",
// "recorded" or "assumed".
type ProfileCall struct {
	Call  string `json:"call"`
	Basis string `json:"basis"`
}

// Shape describes a JSON value: its types, the names of its fields and how they
// are nested. It has no values, except for enumerations.
type Shape struct {
	// Types are "object", "list", "string", "integer", "number", "boolean" and
	// "null"; several if the same place had several types.
	Types []string `json:"types"`
	// Forms are the forms of strings: "digits", "url", "time", "empty", "json"
	// (JSON as text; its shape follows) or "other". Integers of 10 and 13 digits
	// have the form "seconds" and "milliseconds".
	Forms []string `json:"forms,omitempty"`
	// Values are enumerations.
	Values []string `json:"values,omitempty"`
	// Lengths are the lengths of lists: "none", "one" or "several".
	Lengths []string     `json:"lengths,omitempty"`
	Fields  []ShapeField `json:"fields,omitempty"`
	// Items is the shape of all items of a list.
	Items *Shape `json:"items,omitempty"`
	// Cut is true if there is more than is shown.
	Cut bool `json:"cut,omitempty"`
}

// ShapeField is a field of an object.
type ShapeField struct {
	// Name is the field's name, with "?" for words that may identify somebody.
	// Fields with the same such name are shown as one.
	Name  string `json:"name"`
	Shape *Shape `json:"shape"`
}

// RegistryRecordJSON writes a record as one object.
func RegistryRecordJSON(w io.Writer, r RegistryRecord) error {
	r.Missing, r.Next, r.Calls, r.ProfileCalls = nonNil(r.Missing), nonNil(r.Next), nonNil(r.Calls), nonNil(r.ProfileCalls)
	return JSON(w, r)
}

// RegistryRecordText writes a record for a person.
func RegistryRecordText(w io.Writer, r RegistryRecord, style Style) error {
	p := &page{style: style}
	version := "-"
	var unsent []RecordedCall
	for _, c := range r.Calls {
		if c.Served == NotSent {
			unsent = append(unsent, c)
			continue
		}
		if c.Version != version && r.Source == FromAPI {
			p.line()
			p.line(style.paint(bold, p.words(message.New("registry-record.text.version", "version", clean(c.Version)))))
			version = c.Version
		}
		p.recorded(c)
	}
	p.line()
	p.unsent(unsent)
	p.list(message.New("registry-record.text.profile"), profileLines(r.ProfileCalls))
	p.list(message.New("registry-record.text.missing"), r.Missing)
	p.list(message.New("registry-record.text.next"), r.Next)
	if r.Profile != "" {
		p.line(style.paint(bold, p.words(message.New("registry-record.text.proposed"))))
		for line := range strings.Lines(r.Profile) {
			p.line(clean(strings.TrimSuffix(line, "\n")))
		}
	}
	return p.writeTo(w)
}

func profileLines(calls []ProfileCall) []Text {
	return each(calls, func(c ProfileCall) Text {
		return Text{message.Verbatim(pad(c.Call, len("removeSource")) + "  " + c.Basis)}
	})
}

// list writes a heading and items; nothing if there is no item.
func (p *page) list(title message.Message, items []Text) {
	if len(items) == 0 {
		return
	}
	p.line(p.style.paint(bold, clean(p.words(title))))
	for _, item := range items {
		p.fold("  - ", p.words(item.Message))
	}
	p.line()
}

// unsent writes the calls that were not sent, by their reason.
func (p *page) unsent(calls []RecordedCall) {
	for len(calls) > 0 {
		why, names, others := calls[0].Message, []string(nil), []RecordedCall(nil)
		for _, c := range calls {
			switch {
			case c.Message.Key() != why.Key():
				others = append(others, c)
			case !slices.Contains(names, c.Action):
				names = append(names, c.Action)
			}
		}
		p.list(message.New("registry-record.text.not-sent", "why", why.Message), []Text{{message.New("list", "items", names)}})
		calls = others
	}
}

func (p *page) recorded(c RecordedCall) {
	m, meaning := undecided, message.New("registry-record.text.unknown")
	switch c.Served {
	case Served:
		m, meaning = good, message.New("registry-record.text.served")
	case NotServed:
		m, meaning = bad, message.New("registry-record.text.not-served")
	}
	name := strings.TrimSpace(c.Call + " " + c.Action)
	call := strings.TrimSpace(fmt.Sprintf("%s %s%s", c.Method, c.Host, c.Path))
	if len(c.Parameters) > 0 {
		call += "?" + strings.Join(c.Parameters, "&")
	}
	if c.Platform != "" {
		call += " (" + c.Platform + ")"
	}
	said := p.words(meaning)
	if c.Status != 0 {
		said += fmt.Sprintf(", HTTP %d", c.Status)
	}
	if c.Code != "" {
		said += ", " + c.Code
	}
	p.line("  ", p.style.paint(m.color, m.symbol), " ", clean(strings.TrimSpace(name+"  "+call)), "  ", clean(said))
	if !c.Message.IsZero() {
		p.fold("      ", p.words(c.Message.Message))
	}
	p.shape(p.words(message.New("registry-record.text.request")), c.Request, "      ")
	p.shape(p.words(message.New("registry-record.text.answer")), c.Answer, "      ")
}

// shape writes a shape as one line for each field.
func (p *page) shape(name string, s *Shape, indent string) {
	if s == nil {
		return
	}
	or := p.words(message.New("registry-record.text.or"))
	p.line(indent, clean(p.words(message.New("registry-record.text.shape", "name", name, "types", strings.Join(s.Types, or),
		"lengths", s.Lengths, "forms", s.Forms, "values", s.Values, "more", s.Cut))))
	for _, f := range s.Fields {
		p.shape(f.Name, f.Shape, indent+"  ")
	}
	p.shape(p.words(message.New("registry-record.text.each")), s.Items, indent+"  ")
}
