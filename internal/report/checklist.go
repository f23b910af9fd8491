package report

import (
	"io"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// KindChecklist is the kind of the output of `doctor`.
const KindChecklist = "Checklist"

// NotAsked is the reason of a check that was skipped, because it depends on a
// failed one or there is nothing to check.
const NotAsked = "NotAsked"

// Check is one check: the question, the answer, and how to fix a problem.
type Check struct {
	// Group is what the check is about: the source, the secret store, the
	// registry of an instance, a binding and so on.
	Group Text `json:"group"`
	// Name is the question, as a stable word, and Object what was checked.
	Name   string `json:"check"`
	Object Text   `json:"object"`
	// Verdict is yes if the check found no problem, no if it failed, and
	// otherwise unknown. Reason is a CamelCase word or the code of a rule.
	Verdict binding.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
	// Message is the answer, and Hint says how to fix a problem.
	Message Text `json:"message"`
	Hint    Text `json:"hint"`
}

// checklist is what ChecklistJSON writes.
type checklist struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Checks     []Check `json:"checks"`
}

// AnyFailed reports whether one of the checks failed.
func AnyFailed(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return c.Verdict == binding.No })
}

// ChecklistJSON writes checks as one object of kind Checklist, in order. A
// reason may be a code from another system, so its control characters are
// escaped too.
func ChecklistJSON(w io.Writer, checks []Check) error {
	all := append([]Check{}, checks...)
	for i := range all {
		all[i].Reason = clean(all[i].Reason)
	}
	return JSON(w, checklist{binding.APIVersion, KindChecklist, all})
}

// Checklist writes checks for a person, in order and grouped, with their
// numbers on the last line.
func Checklist(w io.Writer, checks []Check, style Style) error {
	p := &page{style: style}
	counts := map[mark]int{}
	for i, c := range checks {
		if i == 0 || c.Group.Key() != checks[i-1].Group.Key() {
			if i > 0 {
				p.line()
			}
			p.line(style.paint(bold, clean(p.words(c.Group.Message))))
		}
		p.check(c, widestCheck(checks, c.Group))
		counts[markOf(c)]++
	}
	if len(checks) > 0 {
		p.line()
	}
	p.line(style.paint(bold, p.words(message.New("doctor.summary", "count", len(checks),
		"passed", counts[good], "failed", counts[bad], "unknown", counts[undecided], "unasked", counts[skipped]))))
	return p.writeTo(w)
}

func widestCheck(checks []Check, group Text) int {
	widest := 0
	for _, c := range checks {
		if c.Group.Key() == group.Key() {
			widest = max(widest, width(clean(c.Name)))
		}
	}
	return widest
}

func (p *page) check(c Check, widest int) {
	mark := markOf(c)
	text := c.Message.Message
	if !c.Object.IsZero() {
		text = message.New("doctor.of", "object", c.Object.Message, "text", text)
	}
	// Colours have no width, so the first line is folded without them.
	plain := "  " + mark.symbol + " " + pad(clean(c.Name), widest) + "  "
	lines := foldLines(clean(p.words(text)), p.style.Width-width(plain))
	for i, l := range lines {
		prefix := strings.Repeat(" ", width(plain))
		if i == 0 {
			prefix = "  " + p.style.paint(mark.color, mark.symbol) + " " + pad(clean(c.Name), widest) + "  "
		}
		p.line(prefix, l)
	}
	if !c.Hint.IsZero() {
		p.fold(strings.Repeat(" ", width(plain))+p.words(message.New("doctor.fix")), p.words(c.Hint.Message))
	}
}

// mark is the symbol of a verdict.
type mark struct {
	symbol string
	color  color
}

// The symbols.
var (
	good      = mark{"✓", green}
	bad       = mark{"✗", red}
	undecided = mark{"?", yellow}
	skipped   = mark{"–", dim}
)

func markOf(c Check) mark {
	switch {
	case c.Verdict == binding.Yes:
		return good
	case c.Verdict == binding.No:
		return bad
	case c.Reason == NotAsked:
		return skipped
	}
	return undecided
}
