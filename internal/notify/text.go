package notify

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// Note is one message to one receiver, independent of the language.
type Note struct {
	// ID is the same for every attempt to deliver it, even after a restart.
	ID    string
	Items []Item
	// Left is how many older items were dropped.
	Left int
}

// Text is a note in a language. Nothing in it is markup or escaped, and every
// string is one line.
type Text struct {
	ID       string
	At       time.Time
	Title    string
	Severity finding.Severity
	Lines    []Line
	// Mentions are the addresses, in the receiver's service, of people who can
	// act.
	Mentions []string
	// Items are the source of the lines, for programs.
	Items []Item
}

// Line is one paragraph of a text.
type Line struct {
	// Head is what the line is about. Named is true if Text names that too.
	Head, Text string
	Named      bool
	Steps      []string
	// Addressee says who can act.
	Addressee string
	Severity  finding.Severity
	Over      bool
}

const (
	// maxText, maxSteps and maxNames limit one line.
	maxText, maxSteps, maxNames = 500, 8, 5
	// maxAlike is how many similar items get separate lines.
	maxAlike = 3
)

// Text writes a note in a language. redact masks secrets.
func (n Note) Text(l *report.Language, redact func(string) string) Text {
	w := wording{l, redact}
	t := Text{ID: n.ID, Severity: finding.Info, Items: n.Items}
	for _, group := range groupSimilar(n.Items) {
		line := w.line(group)
		if line.Severity.Compare(t.Severity) < 0 && !line.Over {
			t.Severity = line.Severity
		}
		t.Lines = append(t.Lines, line)
		for _, i := range group {
			if a := i.Addressee; a != nil && i.Phase != Over && a.Receiver == i.Receiver && a.Address != "" && !slices.Contains(t.Mentions, a.Address) {
				t.Mentions = append(t.Mentions, a.Address)
			}
		}
	}
	if n.Left > 0 {
		t.Lines = append(t.Lines, Line{Text: w.say(message.New("notify.left", "count", n.Left)), Severity: finding.Warning})
	}
	if len(t.Lines) > 0 {
		t.Title = w.say(message.New("notify.title", "first", t.Lines[0].Head, "more", len(t.Lines)-1))
	}
	if len(n.Items) > 0 {
		t.At = n.Items[len(n.Items)-1].At
	}
	return t
}

// groupSimilar groups items that differ only in their binding, if there are many.
func groupSimilar(items []Item) [][]Item {
	type groupKey struct {
		phase                    Phase
		kind                     Kind
		instance, of, why, state string
	}
	var order []groupKey
	groups := map[groupKey][]Item{}
	for _, i := range items {
		key := groupKey{i.Phase, i.Kind, i.Instance, "", i.Reason, i.State}
		if i.Kind == Condition || i.Kind == Outage {
			key.of = i.Of
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], i)
	}
	var all [][]Item
	for _, key := range order {
		if group := groups[key]; len(group) > maxAlike {
			all = append(all, group)
			continue
		}
		for _, i := range groups[key] {
			all = append(all, []Item{i})
		}
	}
	return all
}

type wording struct {
	language *report.Language
	redact   func(string) string
}

// say returns a message as one short line without secrets.
func (w wording) say(m message.Message) string { return w.plain(w.language.Text(m)) }

func (w wording) plain(s string) string {
	if w.redact != nil {
		s = w.redact(s)
	}
	return message.Cut(strings.Join(strings.Fields(report.Sanitize(s)), " "), maxText)
}

// line makes the line of similar items.
func (w wording) line(group []Item) Line {
	first := group[0]
	line := Line{Severity: first.Severity, Over: first.Phase == Over, Head: w.head(first.Subject)}
	line.Named = len(group) == 1 && (first.Kind == Outage || first.Kind == BrokenFile || first.Kind == TestMessage)
	if len(group) > 1 {
		var names []string
		for _, i := range group[:min(len(group), maxNames)] {
			names = append(names, w.head(i.Subject))
		}
		line.Head = w.say(message.New("notify.several", "names", names, "more", len(group)-len(names)))
	}
	m := shortenCommit(first.Message)
	if first.Phase == Over {
		m = message.New("notify.over."+string(first.Kind), "what", m)
	}
	line.Text = w.say(m)
	if line.Over {
		return line
	}
	if a := first.Addressee; a != nil && len(group) == 1 {
		who := message.New("notify.ask", "name", message.Foreign(a.Name))
		if a.Deputy {
			who = message.New("notify.ask-deputy", "name", message.Foreign(a.Name))
		}
		line.Addressee = w.say(who)
	}
	for n, step := range first.Steps {
		if n == maxSteps {
			line.Steps = append(line.Steps, w.say(message.New("list-more", "count", len(first.Steps)-n)))
			break
		}
		line.Steps = append(line.Steps, w.say(step))
	}
	return line
}

// shortenCommit shortens the commit in a message.
func shortenCommit(m message.Message) message.Message {
	if revision, is := m.Args.Get("revision").(string); is {
		m.Args = m.Args.With("revision", report.Short(revision))
	}
	return m
}

// head returns what a line is about.
func (w wording) head(s Subject) string {
	switch {
	case s.Binding != "":
		return w.say(message.New("notify.head-binding", "binding", s.Binding, "instance", s.Instance))
	case s.Instance != "":
		return w.plain(s.Instance)
	case s.File != "":
		return w.plain(s.File)
	case s.Kind == Outage:
		kind, name, _ := strings.Cut(s.Of, ":")
		return w.say(message.New("part."+kind, "name", name))
	}
	return w.plain(s.Of)
}

// mentionSize is the size of the JSON around a mention, in bytes.
const mentionSize = 34

// Size is the approximate size of a text, in bytes.
func (t Text) Size() int {
	size := len(t.Title)
	for _, m := range t.Mentions {
		size += len(m) + mentionSize
	}
	for _, l := range t.Lines {
		size += len(l.Head) + len(l.Text) + len(l.Addressee) + 8
		for _, step := range l.Steps {
			size += len(step) + 8
		}
	}
	return size
}

// Rows returns the text below the title, line by line, in at most limit bytes.
// Only a single item that is too long is cut.
func (t Text) Rows(limit int) []string {
	var rows []string
	add := func(row string) bool {
		if len(row) > limit {
			row = strings.ToValidUTF8(row[:max(limit-len("…"), 0)], "") + "…"
		}
		rows, limit = append(rows, row), limit-len(row)-1
		return limit > 0
	}
	for _, l := range t.Lines {
		row := l.Text
		if l.Head != "" && !l.Named {
			row = l.Head + ": " + row
		}
		if !add(row) {
			return rows
		}
		if l.Addressee != "" && !add("  "+l.Addressee) {
			return rows
		}
		for i, step := range l.Steps {
			if !add("  " + strconv.Itoa(i+1) + ". " + step) {
				return rows
			}
		}
	}
	return rows
}
