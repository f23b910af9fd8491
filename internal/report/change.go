package report

import (
	"fmt"
	"io"
	"strings"

	"reconciler/internal/plan"
)

// Change is what a report of a change from base to head tells besides the
// document's plan. That plan then holds what the change brings and no more.
type Change struct {
	// Whole is the plan of head, the pending actions included; its digest is
	// the one that is told, for it is what would be applied.
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
	// Removal says what becomes of the account; empty where it stays declared.
	Removal Removal `json:"removal,omitempty"`
}

// Removal is what becomes of an account that is no longer declared, as far as
// the declarations say it.
type Removal string

// What becomes of it.
const (
	// RemovalKept: it stays bound.
	RemovalKept Removal = "kept"
	// RemovalUnbound: it is unbound, if it is ours.
	RemovalUnbound Removal = "unbound"
)

// How a change touches a binding.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
	// Broken: nobody can read its declaration any more; nothing changes.
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
	if counts := d.Change.counts(); counts != "" {
		p.line(style.paint(bold, counts))
	}
	if d.Basis.Depth != Offline {
		p.line(style.paint(bold, d.Change.summary(*d.Plan)))
		for _, a := range d.Change.Pending {
			p.fold("  ", a.Instance+": "+actionTitle(a)+": "+style.Language.Text(a.Reason))
		}
	}
	if d.Change.Whole.HasChanges() {
		p.line(style.paint(dim, "Digest of the whole plan: "+d.Change.Whole.Digest()))
	}
	if words := d.Basis.words(d.Plan.Instances); words != "" {
		p.line(words)
	}
	return p.writeTo(w)
}

// shownFields is how many fields of one binding text shows without
// Style.Full.
const shownFields = 20

// touched writes one binding with the fields in which its declaration differs.
func (p *page) touched(t Touched) {
	look := fieldLook(t.Change != Added, t.Change != Removed)
	p.line("  ", p.style.paint(look.color, look.symbol), " ", p.style.paint(bold, clean(t.words())))
	changes := t.Changes
	if !p.style.Full && len(changes) > shownFields {
		changes = changes[:shownFields]
	}
	for _, c := range changes {
		look := fieldLook(c.From != "", c.To != "")
		p.line("      ", p.style.paint(look.color, look.symbol), " ", clean(c.Field), ": ", p.field(c))
	}
	if left := len(t.Changes) - len(changes); left > 0 {
		p.line("      … ", counted(left, "field more", "fields more"), " (--full shows all)")
	}
}

// field is a declared field before and after.
func (p *page) field(c plan.Change) string {
	if c.To == "" {
		return p.style.paint(red, clean(c.From))
	}
	return p.change(c)
}

// fieldLook is how a thing is shown that was there, is there, or both.
func fieldLook(was, is bool) look {
	switch {
	case !was:
		return lookOf(plan.Link)
	case !is:
		return lookOf(plan.Unlink)
	}
	return lookOf(plan.Relink)
}

func (t Touched) words() string {
	words := fmt.Sprintf("%s: %s of %s (%s)", t.Change, t.Binding, t.Instance, t.File)
	if t.Removal != "" {
		words += ": " + t.Removal.words(t)
	}
	return words
}

// words say what becomes of the account, which is the previous one where the
// binding is still declared, for another instance or platform.
func (r Removal) words(t Touched) string {
	was := ""
	if t.Change == Changed {
		was = "the previous account: "
	}
	if r == RemovalUnbound {
		return was + "will be unbound"
	}
	return was + "kept"
}

// counts says how many declarations the change touches in which way, and what
// becomes of the accounts; empty where it touches none.
func (c *Change) counts() string {
	touched, removals := map[string]int{}, map[Removal]int{}
	for _, t := range c.Touched {
		touched[t.Change]++
		removals[t.Removal]++
	}
	var parts []string
	for _, change := range []string{Added, Changed, Removed, Broken} {
		if n := touched[change]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, change))
		}
	}
	if n := removals[RemovalKept]; n > 0 {
		parts = append(parts, counted(n, "account kept", "accounts kept"))
	}
	if n := removals[RemovalUnbound]; n > 0 {
		parts = append(parts, counted(n, "account will be unbound", "accounts will be unbound"))
	}
	if len(parts) == 0 {
		return ""
	}
	return "Bindings: " + strings.Join(parts, ", ") + "."
}

// summary counts what the change does, and says what was due without it.
func (c *Change) summary(p plan.Plan) string {
	text := "This change: nothing to do"
	if parts := planCounts(p); parts != "" {
		text = "This change: " + parts
	}
	if parts := planCounts(plan.Plan{Actions: c.Pending}); parts != "" {
		text += ". Already pending: " + parts
	}
	return text + "."
}

// changeParts are the rows of what a change touches and of what was pending.
func (m *markdown) changeParts(c *Change) (touched, pending []string) {
	for _, t := range c.Touched {
		symbol, removal := fieldLook(t.Change != Added, t.Change != Removed).symbol, ""
		if t.Removal != "" {
			removal = ": " + t.Removal.words(t)
		}
		touched = append(touched, fmt.Sprintf("- `%s` %s: %s of %s (%s)%s\n",
			symbol, markdownText(t.Change), markdownCode(t.Binding), markdownCode(t.Instance), markdownCode(t.File), removal))
		for _, f := range t.Changes {
			symbol, values := fieldLook(f.From != "", f.To != "").symbol, markdownCode(f.To)
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
		pending = append(pending, fmt.Sprintf("- %s, %s %s: %s\n", markdownCode(a.Instance), markdownText(string(a.Kind)), m.title(a), markdownText(m.language.Text(a.Reason))))
	}
	return touched, pending
}

// foot is planFoot of a change.
func (c *Change) foot(p plan.Plan, basis Basis) string {
	text := ""
	if words := basis.words(p.Instances); words != "" {
		text += words + "\n\n"
	}
	if counts := c.counts(); counts != "" {
		text += counts + "\n\n"
	}
	if basis.Depth == Offline {
		return text // What was compared with nothing can be held to nothing.
	}
	return text + c.summary(p) + "\n\nDigest: `" + c.Whole.Digest() + "`\n"
}
