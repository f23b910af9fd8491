package report

import (
	"cmp"
	"encoding/json"
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

// Kinds of what a daemon reports about the past.
const (
	KindEventList = "EventList"
	KindHistory   = "History"
)

// EventType says whether an event needs attention.
type EventType string

// Event types, as in Kubernetes.
const (
	EventNormal  EventType = "Normal"
	EventWarning EventType = "Warning"
)

// EventItem is a recent event that happened once or several times: events with
// equal Key are one item.
type EventItem struct {
	// Sequence increases with every change of the list. It has no other meaning.
	Sequence int64 `json:"sequence"`
	// Instance and Binding are what the event is about. Both are empty for
	// events of the daemon itself.
	Instance string    `json:"instance,omitempty"`
	Binding  string    `json:"binding,omitempty"`
	Type     EventType `json:"type"`
	// Reason is a CamelCase word that programs may branch on.
	Reason string `json:"reason"`
	// Message is the last message.
	Message string `json:"message,omitempty"`
	// ID and Args are the message as data.
	ID       string       `json:"id,omitempty"`
	Args     message.Args `json:"args,omitempty"`
	Revision string       `json:"revision,omitempty"`
	Count    int          `json:"count"`
	// First and Last are when it first and last happened.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// about distinguishes the item from others with the same message: the place
	// of a finding, or what a person asked for.
	about string
}

// EventList is what `events` prints, oldest first.
type EventList struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Items      []EventItem `json:"items"`
	// Next is the sequence number for the next request.
	Next int64 `json:"next"`
}

// NewEventList makes a list.
func NewEventList(items []EventItem, next int64) EventList {
	return EventList{APIVersion: binding.APIVersion, Kind: KindEventList, Items: nonNil(items), Next: next}
}

// EventLines writes each event as a JSON object on its own line.
func EventLines(w io.Writer, l EventList) error { return lines(w, l.Items) }

// lines writes each item as JSON on its own line.
func lines[T any](w io.Writer, items []T) error {
	for _, item := range items {
		data, err := json.Marshal(item)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, SanitizeJSON(string(data))); err != nil {
			return err
		}
	}
	return nil
}

// Events writes a table for a person.
func Events(w io.Writer, l EventList, style Style) error {
	if len(l.Items) == 0 {
		p := &page{style: style}
		p.printMessage(message.New("events.none"))
		return p.writeTo(w)
	}
	return NewEventTable(style, false).Write(w, l.Items)
}

// EventTable writes events incrementally.
type EventTable struct {
	style Style
	// exactly shows times instead of ages.
	exactly bool
	table   table
}

// NewEventTable makes a table of events with times or ages.
func NewEventTable(style Style, exactly bool) *EventTable {
	return &EventTable{style: style, exactly: exactly, table: table{columns: []column{
		{id: "last"}, {id: "type", rank: 4}, {id: "reason", rank: 1}, {id: "instance", rank: 5}, {id: "name", rank: 2}, {id: "count", rank: 3}, {id: "message", free: true},
	}}}
}

// Write writes more events below the existing ones.
func (t *EventTable) Write(w io.Writer, items []EventItem) error {
	p := &page{style: t.style}
	if len(items) == 0 {
		return nil
	}
	for _, e := range items {
		t.table.row(t.style.when(e.Last, t.exactly), string(e.Type), e.Reason, e.Instance, e.Binding, strconv.Itoa(e.Count),
			t.style.Language.Text(known(message.Message{ID: e.ID, Args: e.Args}, e.Message)))
		if e.Type == EventWarning {
			t.table.rows[len(t.table.rows)-1][2].color = yellow
		}
	}
	p.write(&t.table)
	return p.writeTo(w)
}

// when is how long ago something was, or when it was.
func (s Style) when(t time.Time, exactly bool) string {
	if exactly || s.exact() {
		return s.timestamp(t)
	}
	return s.age(t)
}

// exact reports whether tables of events and history have times instead of ages.
func (s Style) exact() bool { return s.Wide || s.Now.IsZero() || s.Language.local() }

// History is what `history` prints, newest first.
type History struct {
	APIVersion string                 `json:"apiVersion"`
	Kind       string                 `json:"kind"`
	Items      []binding.HistoryEntry `json:"items"`
}

// NewHistory makes a history. Entries with a message as data get its text.
func NewHistory(items []binding.HistoryEntry) History {
	items = slices.Clone(items)
	for i, e := range items {
		items[i].Message = cmp.Or(e.Message, English().Text(message.Message{ID: e.ID, Args: e.Args}))
	}
	return History{APIVersion: binding.APIVersion, Kind: KindHistory, Items: nonNil(items)}
}

// HistoryText writes a history as a table for a person.
func HistoryText(w io.Writer, h History, style Style) error {
	p := &page{style: style}
	if len(h.Items) == 0 {
		p.printMessage(message.New("history.none"))
		return p.writeTo(w)
	}
	p.write(p.style.history(h.Items, true))
	return p.writeTo(w)
}

// history is a table of what was done, to any binding or to one.
func (s Style) history(items []binding.HistoryEntry, all bool) *table {
	when := column{id: "age"}
	if s.exact() {
		when.id = "time"
	}
	t := &table{columns: []column{when, {id: "action", rank: 1}, {id: "object", rank: 4}, {id: "outcome", rank: 3}, {id: "commit", rank: 5}, {id: "plan", rank: 7}, {id: "message", free: true}}}
	if all {
		t.columns = slices.Insert(t.columns, 1, column{id: "instance", rank: 6}, column{id: "name", rank: 2})
	}
	for _, e := range items {
		why := known(message.Message{ID: e.ID, Args: e.Args}, e.Message)
		if by := who(e.Person); by != "" {
			why = message.New("history.by", "by", message.Foreign(by), "why", why)
		}
		cells := []string{s.when(e.Time, false), e.Action, e.Object.String(), e.Outcome, Short(e.Revision), shortDigest(e.Digest), s.Language.Text(why)}
		if all {
			cells = slices.Insert(cells, 1, e.Instance, e.Binding)
		}
		t.row(cells...)
	}
	return t
}

// who names a person with their verified identity.
func who(p binding.Person) string {
	if p.By != "" && p.Proven != "" {
		return p.By + " (" + p.Proven + ")"
	}
	return cmp.Or(p.By, p.Proven)
}

// timestamp is a time for a person.
func (s Style) timestamp(t time.Time) string { return s.Language.time(t).Format(time.RFC3339) }

// timestampUTC is a time for a person, in UTC; empty for none.
func timestampUTC(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Style{}.timestamp(t)
}

// objectOf names what an event is about.
func objectOf(instance, name string) string {
	if name == "" {
		return cmp.Or(instance, "-")
	}
	return instance + "/" + name
}

// Short shortens a revision for a person: each commit ID and hash to its
// beginning; other names stay as they are.
func Short(revision string) string {
	return hashes.ReplaceAllStringFunc(revision, func(id string) string { return id[:shortHash] })
}

// shortHash is how many digits of a hash are shown.
const shortHash = 8

var hashes = regexp.MustCompile(`\b[0-9a-f]{12,}\b`)

// shortDigest is the beginning of a plan's digest.
func shortDigest(digest string) string { return Short(strings.TrimPrefix(digest, "sha256:")) }
