package report

import (
	"fmt"
	"io"

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
}

// How a change touches a binding.
const (
	Added   = "added"
	Changed = "changed"
	Removed = "removed"
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
	if d.Basis.Depth != Offline {
		p.line(style.paint(bold, d.Change.summary(*d.Plan)))
		for _, a := range d.Change.Pending {
			p.fold("  ", a.Instance+": "+actionTitle(a)+": "+style.Language.Text(a.Reason))
		}
	}
	if d.Change.Whole.HasChanges() {
		p.line(style.paint(dim, "Digest of the whole plan: "+d.Change.Whole.Digest()))
	}
	if words := d.Basis.words(); words != "" {
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
	return fmt.Sprintf("%s: %s of %s (%s)", t.Change, t.Binding, t.Instance, t.File)
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
		symbol := fieldLook(t.Change != Added, t.Change != Removed).symbol
		touched = append(touched, fmt.Sprintf("- `%s` %s: %s of %s (%s)\n",
			symbol, markdownText(t.Change), markdownCode(t.Binding), markdownCode(t.Instance), markdownCode(t.File)))
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
	if words := basis.words(); words != "" {
		text += words + "\n\n"
	}
	if basis.Depth == Offline {
		return text // What was compared with nothing can be held to nothing.
	}
	return text + c.summary(p) + "\n\nDigest: `" + c.Whole.Digest() + "`\n"
}
