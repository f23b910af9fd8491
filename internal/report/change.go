package report

import (
	"fmt"
	"io"

	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Change is what the report of a change from base to head shows in addition to
// the document's plan, which then has only what the change causes.
type Change struct {
	// Whole is the plan of head, including the pending actions. Its digest is
	// shown, because that plan would be applied.
	Whole plan.Plan
	// Pending are the actions that were due without the change.
	Pending []plan.Action
	Touched []Touched
}

// Touched is a binding whose declaration the change adds, changes or removes.
type Touched struct {
	Change   string `json:"change"`
	Instance string `json:"instance"`
	Binding  string `json:"binding"`
	// File is where it is declared in head, or was in base.
	File string `json:"file"`
	// Changes are the declaration's fields, base against head.
	Changes []plan.Change `json:"changes"`
	// Removal says what happens to the account; empty if it is still declared.
	Removal Removal `json:"removal,omitempty"`
}

// Removal is what happens to an account that is no longer declared, according
// to the declarations.
type Removal string

// Removals.
const (
	// RemovalKept: it stays bound.
	RemovalKept Removal = "kept"
	// RemovalUnbound: it is unbound, if we own it.
	RemovalUnbound Removal = "unbound"
)

// How a change touches a binding.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
	// Broken: its declaration cannot be read now; nothing changes.
	Broken = "broken"
)

// writeChange writes a change for a person.
func (d Document) writeChange(w io.Writer, style Style) error {
	p := &page{style: style}
	for _, t := range d.Change.Touched {
		p.touched(t)
	}
	if len(d.Change.Touched) > 0 {
		p.line()
	}
	p.legend(*d.Plan)
	p.actions(*d.Plan)
	if d.Basis.Depth != Offline {
		p.kept(*d.Plan)
	}
	if len(d.Plan.Findings) > 0 {
		p.findings(d.Plan.Findings)
		p.line()
	}
	if counts := d.Change.counts(); !counts.IsZero() {
		p.line(style.paint(bold, p.words(counts)))
	}
	if d.Basis.Depth != Offline {
		p.line(style.paint(bold, p.words(d.Change.summary(*d.Plan))))
		for _, a := range d.Change.Pending {
			p.fold("  ", a.Instance+": "+p.actionTitle(a)+": "+p.words(a.Reason))
		}
	}
	if d.Change.Whole.HasChanges() {
		p.line(style.paint(dim, p.words(message.New("plan-text.whole-digest", "digest", d.Change.Whole.Digest()))))
	}
	if basis := d.Basis.words(d.Plan.Instances); !basis.IsZero() {
		p.line(p.words(basis))
	}
	p.silent(d.Basis)
	return p.writeTo(w)
}

// shownFields is how many fields of one binding text shows without
// Style.Full.
const shownFields = 20

// touched writes one binding with the changed fields of its declaration.
func (p *page) touched(t Touched) {
	symbol := changeSymbol(t.Change != Added, t.Change != Removed)
	p.line("  ", p.style.paint(symbol.color, symbol.text), " ", p.style.paint(bold, clean(p.words(t.words()))))
	changes := t.Changes
	if !p.style.Full && len(changes) > shownFields {
		changes = changes[:shownFields]
	}
	for _, c := range changes {
		symbol := changeSymbol(c.From != "", c.To != "")
		p.line("      ", p.style.paint(symbol.color, symbol.text), " ", clean(c.Field), ": ", p.field(c))
	}
	if left := len(t.Changes) - len(changes); left > 0 {
		p.line("      … ", p.words(message.New("plan-text.more-fields", "count", left)))
	}
}

// field is a declared field before and after.
func (p *page) field(c plan.Change) string {
	if c.To == "" {
		return p.style.paint(red, clean(c.From))
	}
	_, values := p.change(c)
	return values
}

// ChangeText is a change as messages. A missing value is zero.
type ChangeText struct{ Field, From, To message.Message }

// ChangeWords converts a change to messages. A field of the declaration keeps its
// name.
func ChangeWords(c plan.Change) ChangeText {
	t := ChangeText{message.Verbatim(c.Field), known(c.FromMessage, c.From), known(c.ToMessage, c.To)}
	if c.Field == plan.FieldTokenVersion {
		t.Field = message.New("change-value.token-version")
	}
	return t
}

// change returns a change as text.
func (l *Language) change(c plan.Change) (field, from, to string) {
	t := ChangeWords(c)
	return l.Text(t.Field), l.Text(t.From), l.Text(t.To)
}

// changeSymbol returns the symbol and colour of something that was added, removed or
// changed.
func changeSymbol(was, is bool) actionSymbol {
	switch {
	case !was:
		return symbolOf(plan.Link)
	case !is:
		return symbolOf(plan.Unlink)
	}
	return symbolOf(plan.Relink)
}

func (t Touched) words() message.Message {
	if t.Removal != "" {
		return message.New("change-text.with-removal", "change", t.change(), "removal", t.removal())
	}
	return t.change()
}

func (t Touched) change() message.Message {
	return message.New("change."+t.Change, "binding", t.Binding, "instance", t.Instance, "file", t.File)
}

// removal says what happens to the account. If the binding is still declared,
// for a different instance or platform, that is the previous account.
func (t Touched) removal() message.Message {
	text := message.New("change-text.kept")
	if t.Removal == RemovalUnbound {
		text = message.New("change-text.unbound")
	}
	if t.Change == Changed {
		return message.New("change-text.previous", "removal", text)
	}
	return text
}

// counts says how many declarations the change adds, changes or removes, and
// what happens to the accounts; nothing if it touches none.
func (c *Change) counts() message.Message {
	touched, removals := map[string]int{}, map[Removal]int{}
	for _, t := range c.Touched {
		touched[t.Change]++
		removals[t.Removal]++
	}
	var parts []message.Message
	for _, change := range []string{Added, Changed, Removed, Broken} {
		if n := touched[change]; n > 0 {
			parts = append(parts, message.New("change-count."+change, "count", n))
		}
	}
	for _, removal := range []Removal{RemovalKept, RemovalUnbound} {
		if n := removals[removal]; n > 0 {
			parts = append(parts, message.New("change-count."+string(removal), "count", n))
		}
	}
	if len(parts) == 0 {
		return message.Message{}
	}
	return message.New("change-text.counts", "counts", parts)
}

// summary counts what the change does, and says what is due without it.
func (c *Change) summary(p plan.Plan) message.Message {
	return message.New("change-text.summary", "counts", planCounts(p), "pending", planCounts(plan.Plan{Actions: c.Pending}))
}

// changeParts returns the rows of what a change touches and of what is pending.
func (m *markdown) changeParts(c *Change) (touched, pending []string) {
	for _, t := range c.Touched {
		symbol, removal := changeSymbol(t.Change != Added, t.Change != Removed).text, ""
		if t.Removal != "" {
			removal = ": " + m.words(t.removal())
		}
		touched = append(touched, fmt.Sprintf("- `%s` %s%s\n", symbol, m.words(t.change().Map(markdownCode)), removal))
		for _, f := range t.Changes {
			symbol, values := changeSymbol(f.From != "", f.To != "").text, markdownCode(f.To)
			switch {
			case f.To == "":
				values = markdownCode(f.From)
			case f.From != "":
				values = markdownCode(f.From) + " → " + markdownCode(f.To)
			}
			touched = append(touched, fmt.Sprintf("  - `%s` %s: %s\n", symbol, markdownCode(f.Field), values))
		}
	}
	for _, a := range c.Pending {
		pending = append(pending, fmt.Sprintf("- %s, %s %s: %s\n", markdownCode(a.Instance), markdownText(string(a.Kind)), m.title(a), m.text(a.Reason)))
	}
	return touched, pending
}

func (m *markdown) changeFoot(c *Change, p plan.Plan, basis Basis) string {
	text := ""
	if asked := basis.words(p.Instances); !asked.IsZero() {
		text += m.words(asked) + "\n\n"
	}
	for _, silent := range basis.silent() {
		text += m.text(silent) + "\n\n"
	}
	if counts := c.counts(); !counts.IsZero() {
		text += m.words(counts) + "\n\n"
	}
	if basis.Depth == Offline {
		return text // Nothing was compared, so there are no numbers and no digest.
	}
	return text + m.words(c.summary(p)) + "\n\n" + m.digest(c.Whole) + "\n"
}
