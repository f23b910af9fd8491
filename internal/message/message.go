// Package message has the texts for people as data: an identifier and named
// arguments. The wording of each identifier is in the catalogue of
// internal/report, one file per language. It imports no other package of this
// program.
package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"time"
)

// VerbatimID is the identifier of a message that is a foreign text.
const VerbatimID = "verbatim"

// Message is one text, independent of the language. The zero Message is empty.
type Message struct {
	// ID names an entry of the catalogue.
	ID string `json:"id"`
	// Args are the named values of the entry: string, int, bool, Date,
	// time.Time, time.Duration, Place, Foreign, Message, or a list of strings
	// or of messages. The argument "count" selects the plural.
	Args Args `json:"args,omitempty"`
}

// Date is a calendar day, written as 2006-01-02.
type Date string

// Foreign is a text from another program or a person. It is shown unchanged in
// every language.
type Foreign string

// Place is where something is. Unknown fields are zero.
type Place struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	// Field is a path such as spec.repositories[0].trigger.
	Field string `json:"field,omitempty"`
}

// String returns the place as file:line:column, or its field.
func (p Place) String() string {
	s := p.File
	for _, n := range []int{p.Line, p.Column} {
		switch {
		case n == 0:
		case s == "":
			s = fmt.Sprint(n)
		default:
			s += fmt.Sprintf(":%d", n)
		}
	}
	return cmp.Or(s, p.Field)
}

// New makes a message of the catalogue's entry id, with arguments as pairs of a
// name and a value. It panics if a name is not a string, a value is missing or
// a value has a type that cannot be an argument.
func New(id string, args ...any) Message {
	m := Message{ID: id}
	if len(args) > 0 {
		m.Args = make(Args, 0, len(args)/2)
	}
	for i := 0; i < len(args); i += 2 {
		m.Args = m.Args.set(args[i].(string), plain(args[i+1]))
	}
	return m
}

// Verbatim makes a message of a foreign text, such as that of an organisation's
// policy.
func Verbatim(text string) Message {
	return Message{ID: VerbatimID, Args: Args{{"text", Foreign(text)}}}
}

// IsZero reports whether there is no message.
func (m Message) IsZero() bool { return m.ID == "" }

// plain converts a value to one of the types of an argument.
func plain(value any) any {
	switch v := value.(type) {
	case string, int, bool, Date, Foreign, Place, Message, []Message, []string, time.Duration:
		return v
	case time.Time:
		return v.Truncate(time.Second) // Seconds are exact enough.
	case error:
		if says := FromError(v); says.ID != VerbatimID {
			return says
		}
		return Foreign(v.Error())
	case interface{ Time() time.Time }:
		return Date(v.Time().Format(time.DateOnly))
	case fmt.Stringer:
		return v.String()
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return int(v.Uint()) //nolint:gosec // Our counts are small.
	case reflect.Slice:
		list := make([]string, v.Len())
		for i := range list {
			list[i] = fmt.Sprint(plain(v.Index(i).Interface()))
		}
		return list
	default:
		panic(fmt.Sprintf("message: a %T cannot be an argument", value))
	}
}

// Map returns the message with f applied to every text in its arguments, for
// example to mask secrets.
func (m Message) Map(f func(string) string) Message {
	out, _ := m.Mapped(f)
	return out
}

// Mapped is Map, and reports whether f changed anything.
func (m Message) Mapped(f func(string) string) (out Message, changed bool) {
	return m.changed(func(v any) any {
		switch v := v.(type) {
		case string:
			return f(v)
		case Foreign:
			return Foreign(f(string(v)))
		}
		return v
	})
}

// MapFiles returns the message with f applied to the file of every place in it.
func (m Message) MapFiles(f func(string) string) Message {
	return m.each(func(v any) any {
		if p, ok := v.(Place); ok {
			p.File = f(p.File)
			return p
		}
		return v
	})
}

// each is changed without the second result.
func (m Message) each(f func(any) any) Message {
	out, _ := m.changed(f)
	return out
}

// changed returns the message with f applied to every argument, including those
// of nested messages and the elements of lists, and reports whether anything
// changed. Unchanged values are shared with m.
func (m Message) changed(f func(any) any) (Message, bool) {
	out, changed := m, false
	for i, arg := range m.Args {
		if now, differs := changedArgument(arg.Value, f); differs {
			if !changed {
				out.Args, changed = slices.Clone(m.Args), true
			}
			out.Args[i].Value = now
		}
	}
	return out, changed
}

func changedArgument(value any, f func(any) any) (any, bool) {
	switch v := value.(type) {
	case Message:
		return v.changed(f)
	case []Message:
		return ChangeEach(v, func(m Message) (Message, bool) { return m.changed(f) })
	case []string:
		return ChangeEach(v, func(text string) (string, bool) {
			now, _ := f(text).(string)
			return now, now != text
		})
	}
	now := f(value)
	return now, now != value
}

// ChangeEach returns a list with f applied to each element, and reports whether f
// changed one. If not, it returns the same list.
func ChangeEach[T any](list []T, f func(T) (T, bool)) (out []T, changed bool) {
	out = list
	for i, v := range list {
		if now, differs := f(v); differs {
			if !changed {
				out, changed = slices.Clone(list), true
			}
			out[i] = now
		}
	}
	return out, changed
}

// Key is equal only for equal messages, and can be used to sort them.
func (m Message) Key() string {
	data, err := json.Marshal(m)
	if err != nil {
		panic(err) // An argument has a type that New rejects.
	}
	return string(data)
}

// Code is Key without what may differ each time: numbers, times, durations,
// foreign texts, and lines in files. It stays the same when the message is
// repeated.
func (m Message) Code() string {
	return m.each(func(v any) any {
		switch v := v.(type) {
		case Place:
			return Place{File: v.File, Field: v.Field}
		case string, bool:
			return v
		}
		return Foreign("")
	}).Key()
}

var index = regexp.MustCompile(`\[\d+\]`)

// WithoutIndexes is the path of a field without indexes of lists.
func WithoutIndexes(path string) string { return index.ReplaceAllString(path, "[]") }

// Identity is Key without lines, columns, indexes of lists and foreign texts:
// it stays the same when what the message is about moves.
func (m Message) Identity() string {
	return m.each(func(v any) any {
		switch v := v.(type) {
		case Place:
			return Place{File: v.File, Field: WithoutIndexes(v.Field)}
		case Foreign:
			return Foreign("")
		}
		return v
	}).Key()
}
