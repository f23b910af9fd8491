package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Kinds of what a daemon tells of the past.
const (
	KindEventList = "EventList"
	KindHistory   = "History"
)

// EventType says whether a person should look.
type EventType string

// Event types; the words are Kubernetes'.
const (
	EventNormal  EventType = "Normal"
	EventWarning EventType = "Warning"
)

// EventItem is something that happened lately, once or several times: events of
// equal instance, binding, reason and revision are one item.
type EventItem struct {
	// Sequence grows with every change of the list; it means nothing else.
	Sequence int64 `json:"sequence"`
	// Instance and Binding are what it happened to; both are empty for what is
	// the daemon's own.
	Instance string    `json:"instance,omitempty"`
	Binding  string    `json:"binding,omitempty"`
	Type     EventType `json:"type"`
	// Reason is a CamelCase word that programs may branch on.
	Reason string `json:"reason"`
	// Message is that of the last time.
	Message string `json:"message,omitempty"`
	// ID and Args are the message as data.
	ID       string       `json:"id,omitempty"`
	Args     message.Args `json:"args,omitempty"`
	Revision string       `json:"revision,omitempty"`
	Count    int          `json:"count"`
	// First and Last are when it happened first and last.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// EventList is what `events` prints, oldest first.
type EventList struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Items      []EventItem `json:"items"`
	// Next is where to ask on from.
	Next int64 `json:"next"`
}

// NewEventList makes a list.
func NewEventList(items []EventItem, next int64) EventList {
	return EventList{APIVersion: binding.APIVersion, Kind: KindEventList, Items: some(items), Next: next}
}

// EventLines writes each event as one JSON object on a line of its own.
func EventLines(w io.Writer, l EventList) error {
	for _, e := range l.Items {
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("report: %w", err)
		}
		if _, err := fmt.Fprintln(w, HarmlessJSON(string(data))); err != nil {
			return fmt.Errorf("report: %w", err)
		}
	}
	return nil
}

// Events writes a table for a person; with header also what the columns are.
func Events(w io.Writer, l EventList, header bool, style Style) error {
	p := &page{style: style}
	if len(l.Items) == 0 && header {
		p.line("No events.")
		return p.writeTo(w)
	}
	var rows [][]string
	if header {
		rows = append(rows, []string{"LAST", "COUNT", "TYPE", "REASON", "OBJECT", "MESSAGE"})
	}
	for _, e := range l.Items {
		rows = append(rows, []string{
			stampOf(e.Last), strconv.Itoa(e.Count), string(e.Type), e.Reason, objectOf(e.Instance, e.Binding), p.style.Language.Text(known(message.Message{ID: e.ID, Args: e.Args}, e.Message)),
		})
	}
	p.columns(rows, eventWidths)
	return p.writeTo(w)
}

// eventWidths keep the columns of rows that come one by one in line.
var eventWidths = []int{len(time.RFC3339) - len("07:00"), 5, len(EventWarning), 0, 0}

// History is what `history` prints, newest first.
type History struct {
	APIVersion string                 `json:"apiVersion"`
	Kind       string                 `json:"kind"`
	Items      []binding.HistoryEntry `json:"items"`
}

// NewHistory makes a history. Entries with a message as data get its words.
func NewHistory(items []binding.HistoryEntry) History {
	items = slices.Clone(items)
	for i, e := range items {
		items[i].Message = cmp.Or(e.Message, English().Text(message.Message{ID: e.ID, Args: e.Args}))
	}
	return History{APIVersion: binding.APIVersion, Kind: KindHistory, Items: some(items)}
}

// HistoryText writes a history as a table for a person.
func HistoryText(w io.Writer, h History, style Style) error {
	p := &page{style: style}
	if len(h.Items) == 0 {
		p.line("No history.")
		return p.writeTo(w)
	}
	p.history(h.Items)
	return p.writeTo(w)
}

func (p *page) history(items []binding.HistoryEntry) {
	rows := [][]string{{"TIME", "BINDING", "ACTION", "OBJECT", "OUTCOME", "COMMIT", "PLAN", "BY", "MESSAGE"}}
	for _, e := range items {
		rows = append(rows, []string{
			stampOf(e.Time), objectOf(e.Instance, e.Binding), e.Action, cmp.Or(e.Object.String(), "-"), e.Outcome,
			short(e.Revision, ""), short(e.Digest, "sha256:"), cmp.Or(who(e.Person), "-"),
			p.style.Language.Text(known(message.Message{ID: e.ID, Args: e.Args}, e.Message)),
		})
	}
	p.columns(rows, nil)
}

// who names a person with what is proven of them.
func who(p binding.Person) string {
	if p.By != "" && p.Proven != "" {
		return p.By + " (" + p.Proven + ")"
	}
	return cmp.Or(p.By, p.Proven)
}

// stampOf is a time for a person.
func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// objectOf names what something happened to.
func objectOf(instance, name string) string {
	if name == "" {
		return cmp.Or(instance, "-")
	}
	return instance + "/" + name
}

// short is the beginning of a long hexadecimal name, which tells it apart.
func short(name, prefix string) string {
	const enough = 12
	if len(name) > len(prefix) && len(prefix) > 0 && name[:len(prefix)] == prefix {
		name = name[len(prefix):]
	}
	if len(name) > enough {
		name = name[:enough]
	}
	return cmp.Or(name, "-")
}

// columns writes rows with their cells below each other; the last cell is not
// filled up and is cut at the end of the line. A column is at least as wide as
// least says.
func (p *page) columns(rows [][]string, least []int) {
	p.painted(rows, least, func(_, _ int, cell string) string { return cell })
}

// painted is columns, with each cell as paint returns it.
func (p *page) painted(rows [][]string, least []int, paint func(row, column int, cell string) string) {
	widths := append([]int(nil), least...)
	for _, row := range rows {
		for len(widths) < len(row)-1 {
			widths = append(widths, 0)
		}
		for i, cell := range row[:len(row)-1] {
			widths[i] = max(widths[i], width(clean(cell)))
		}
	}
	before := 0
	for _, n := range widths {
		before += n + 2
	}
	for n, row := range rows {
		line := ""
		for i, cell := range row[:len(row)-1] {
			line += paint(n, i, pad(clean(cell), widths[i])+"  ")
		}
		message := clean(row[len(row)-1])
		if p.style.Width > 0 {
			message = cut(message, max(p.style.Width-before, narrowest))
		}
		p.line(line, message)
	}
}
