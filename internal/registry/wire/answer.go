package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// IsIdentifier reports whether a text may be an ID of the registry: of an
// account, an image repository or a build rule.
func IsIdentifier(text string) bool { return identifier.MatchString(text) }

// Account decodes the binding of one platform from an answer to ListAccounts.
// Nil means that there is none. Any doubt is an error.
func (p *Profile) Account(body []byte, platform binding.Platform) (*binding.Account, error) {
	call, ok := p.Calls[ListAccounts]
	if !ok {
		return nil, ErrNoCall
	}
	records, err := call.Answer.records(body)
	if err != nil {
		return nil, err
	}
	var found *binding.Account
	for i, r := range records {
		account, err := p.account(r, platform)
		if err != nil {
			return nil, message.NewError("wire.entry", "at", call.Answer.place(), "entry", i, "why", err)
		}
		if account.Platform != platform {
			if call.used["platform"] {
				return nil, message.NewError("wire.other-platform", "at", call.Answer.place(), "entry", i)
			}
			continue
		}
		if found != nil {
			return nil, message.NewError("wire.accounts", "at", call.Answer.place())
		}
		found = account
	}
	return found, nil
}

func (p *Profile) account(r record, asked binding.Platform) (*binding.Account, error) {
	account := &binding.Account{
		Platform: asked,
		ID:       r.text("id"), Username: r.text("username"), Address: r.optional("address"), Created: r.time("created"),
	}
	if r.answer.Fields["platform"] != "" {
		word := r.text("platform")
		if r.err == nil {
			account.Platform, r.err = p.platform(word)
		}
	}
	if r.err == nil && (!IsIdentifier(account.ID) || account.ID == "0") {
		r.err = message.NewError("wire.account-id")
	}
	return account, r.err
}

// Link decodes the source of an image repository from an answer to ReadSource.
// Nil means that there is none.
func (p *Profile) Link(body []byte) (*binding.Link, error) {
	call, ok := p.Calls[ReadSource]
	if !ok {
		return nil, ErrNoCall
	}
	records, err := call.Answer.records(body)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	if len(records) > 1 {
		return nil, message.NewError("wire.sources", "at", call.Answer.place())
	}
	r := records[0]
	word := r.text("platform")
	link := &binding.Link{
		Source:        r.source(),
		Trigger:       map[bool]binding.Trigger{true: binding.Auto, false: binding.Manual}[r.flag("auto", "manual")],
		OverseasBuild: r.flag("overseas", "domestic"), BuildCache: r.flag("buildCache", "noBuildCache"),
	}
	if r.err == nil {
		link.Platform, r.err = p.platform(word)
	}
	if r.err != nil {
		return nil, message.Within(call.Answer.place(), r.err)
	}
	return link, nil
}

// Projects decodes the paths of an account's source repositories from an answer
// to ListProjects.
func (p *Profile) Projects(body []byte) ([]string, error) {
	call, ok := p.Calls[ListProjects]
	if !ok {
		return nil, ErrNoCall
	}
	records, err := call.Answer.records(body)
	if err != nil {
		return nil, err
	}
	var projects []string
	for i, r := range records {
		project := r.source()
		if r.err != nil {
			return nil, message.NewError("wire.entry", "at", call.Answer.place(), "entry", i, "why", r.err)
		}
		projects = append(projects, project)
	}
	return projects, nil
}

// IsNotFoundCode reports whether an error code of a read means that the object does not
// exist.
func (p *Profile) IsNotFoundCode(o Operation, code string) bool {
	return code != "" && slices.Contains(p.Calls[o].Answer.NoneCodes, code)
}

// place is where the records are, for errors.
func (a Answer) place() message.Message {
	if a.At == "" {
		return message.New("wire.answer")
	}
	return message.Verbatim(a.At)
}

// records returns the objects in an answer: none, one, or a list.
func (a Answer) records(body []byte) ([]record, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, message.NewError("network.not-json")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, message.NewError("registry.two-values")
	}
	value, err := at(value, a.At)
	switch {
	case errors.Is(err, errMissing) && slices.Contains(a.None, "absent"):
		return nil, nil
	case err != nil:
		return nil, err
	case slices.Contains(a.None, ShapeOf(value)):
		return nil, nil
	}
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	var records []record
	for _, item := range items {
		fields, ok := item.(map[string]any)
		if !ok || len(fields) == 0 {
			return nil, message.NewError("wire.records", "at", a.place())
		}
		records = append(records, record{answer: a, fields: fields})
	}
	if len(items) == 0 {
		return nil, message.NewError("wire.empty", "at", a.place())
	}
	return records, nil
}

// ShapeOf is the profile's term for a value that may mean none; empty for any other
// value.
func ShapeOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		if v == "" {
			return "empty-text"
		}
	case []any:
		if len(v) == 0 {
			return "empty-list"
		}
	case map[string]any:
		if len(v) == 0 {
			return "empty-object"
		}
	}
	return ""
}

// errMissing means that the last name of a path is missing.
var errMissing = message.NewError("wire.missing")

func at(value any, place string) (any, error) {
	if place == "" {
		return value, nil
	}
	names := strings.Split(place, ".")
	for i, name := range names {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, message.NewError("wire.not-object", "at", place, "what", strings.Join(names[:i], "."))
		}
		if value, ok = object[name]; !ok {
			if i < len(names)-1 {
				return nil, message.NewError("wire.none-at", "at", place, "what", strings.Join(names[:i+1], "."))
			}
			return nil, message.NewError("wire.is-missing", "at", place, "what", errMissing)
		}
	}
	return value, nil
}

// record is one object in an answer. It keeps the first error.
type record struct {
	answer Answer
	fields map[string]any
	err    error
}

// get returns the value of a field, and whether there is one.
func (r *record) get(field string) (any, bool) {
	place, _, _ := strings.Cut(r.answer.Fields[field], "=")
	if place == "" {
		return nil, false
	}
	value, err := at(r.fields, place)
	return value, err == nil && value != nil
}

// text returns a text, or a number as text. It must not be empty.
func (r *record) text(field string) string {
	text := r.optional(field)
	if text == "" {
		r.fail(field, message.New("wire.text"))
	}
	return text
}

// optional returns a text that may be missing.
func (r *record) optional(field string) string {
	value, ok := r.get(field)
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	if ok {
		r.fail(field, message.New("wire.text"))
	}
	return ""
}

// flag returns the boolean value of a field, or the opposite of another field's.
func (r *record) flag(field, opposite string) bool {
	negate := r.answer.Fields[field] == ""
	if negate {
		field = opposite
	}
	_, words, _ := strings.Cut(r.answer.Fields[field], "=")
	yes, no, worded := strings.Cut(words, "|")
	value, _ := r.get(field)
	flag, isFlag := value.(bool)
	if text, ok := value.(string); ok && worded && (text == yes || text == no) {
		flag, isFlag = text == yes, true
	} else if worded {
		isFlag = false
	}
	if !isFlag {
		r.fail(field, message.New("wire.flag"))
	}
	return flag != negate
}

// source returns the path of a project with its owner or group.
func (r *record) source() string {
	if r.answer.Fields["source"] != "" {
		source := strings.Trim(r.text("source"), "/")
		if r.err == nil && !strings.Contains(source, "/") {
			r.fail("source", message.New("wire.project"))
		}
		return source
	}
	return r.text("sourceNamespace") + "/" + r.text("sourceName")
}

// time returns a time in milliseconds, seconds or RFC 3339; zero if it is
// missing or invalid.
func (r *record) time(field string) time.Time {
	value, _ := r.get(field)
	text := fmt.Sprint(value)
	t, _ := time.Parse(time.RFC3339, text)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		if t = time.Unix(n, 0); n > 1e11 {
			t = time.UnixMilli(n)
		}
	}
	if t = t.UTC(); t.Year() > 9999 {
		return time.Time{} // JSON cannot represent it.
	}
	return t
}

func (r *record) fail(field string, want message.Message) {
	if r.err == nil {
		r.err = message.NewError("wire.not", "at", r.answer.Fields[field], "want", want)
	}
}
