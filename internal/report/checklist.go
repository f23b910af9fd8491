package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"reconciler/internal/binding"
)

// KindChecklist is the kind of what `doctor` prints.
const KindChecklist = "Checklist"

// NotAsked is the reason of a check that was not made, because it needs one
// that did not succeed, or because there is nothing to ask.
const NotAsked = "NotAsked"

// Check is one question that was asked, what came back, and how to fix it.
type Check struct {
	// Group says what the question is about: "Source", "Secret store",
	// "Registry INSTANCE", "Binding NAME" and the like.
	Group string `json:"group"`
	// Name is the question, a stable word; Object is what it was asked of.
	Name   string `json:"check"`
	Object string `json:"object"`
	// Verdict is yes where nothing speaks against it, no where it failed,
	// else unknown; Reason is a CamelCase word or the code of a rule.
	Verdict binding.Verdict `json:"verdict"`
	Reason  string          `json:"reason"`
	// Message is what came back, Hint how to fix it; both for a person.
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// checklist is what ChecklistJSON writes.
type checklist struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Checks     []Check `json:"checks"`
}

// AnyFailed says whether one of the checks failed.
func AnyFailed(checks []Check) bool {
	return slices.ContainsFunc(checks, func(c Check) bool { return c.Verdict == binding.No })
}

// ChecklistJSON writes checks as one object of kind Checklist, in their order.
// Control characters of foreign text are written out, as in text.
func ChecklistJSON(w io.Writer, checks []Check) error {
	out := checklist{binding.APIVersion, KindChecklist, []Check{}}
	for _, c := range checks {
		for _, text := range []*string{&c.Group, &c.Name, &c.Object, &c.Reason, &c.Message, &c.Hint} {
			*text = clean(*text)
		}
		out.Checks = append(out.Checks, c)
	}
	return JSON(w, out)
}

// Checklist writes checks for a person, in their order and grouped, and their
// numbers on the last line.
func Checklist(w io.Writer, checks []Check, style Style) error {
	p := &page{style: style}
	counts := map[string]int{}
	for i, c := range checks {
		if i == 0 || c.Group != checks[i-1].Group {
			if i > 0 {
				p.line()
			}
			p.line(style.paint(bold, clean(c.Group)))
		}
		p.check(c, widestCheck(checks, c.Group))
		counts[markOf(c).meaning]++
	}
	if len(checks) > 0 {
		p.line()
	}
	p.line(style.paint(bold, checkSummary(counts, len(checks))))
	return p.writeTo(w)
}

func widestCheck(checks []Check, group string) int {
	widest := 0
	for _, c := range checks {
		if c.Group == group {
			widest = max(widest, width(clean(c.Name)))
		}
	}
	return widest
}

func (p *page) check(c Check, widest int) {
	mark := markOf(c)
	text := c.Message
	if c.Object != "" {
		text = c.Object + ": " + text
	}
	// Colours take no room, so the first line is folded without them.
	plain := "  " + mark.symbol + " " + pad(clean(c.Name), widest) + "  "
	lines := foldLines(clean(text), p.style.Width-width(plain))
	for i, l := range lines {
		prefix := strings.Repeat(" ", width(plain))
		if i == 0 {
			prefix = "  " + p.style.paint(mark.color, mark.symbol) + " " + pad(clean(c.Name), widest) + "  "
		}
		p.line(prefix, l)
	}
	if c.Hint != "" {
		p.fold(strings.Repeat(" ", width(plain))+"fix: ", c.Hint)
	}
}

// mark is how a verdict is shown.
type mark struct {
	symbol, meaning string
	color           color
}

func markOf(c Check) mark {
	switch {
	case c.Verdict == binding.Yes:
		return mark{"✓", "passed", green}
	case c.Verdict == binding.No:
		return mark{"✗", "failed", red}
	case c.Reason == NotAsked:
		return mark{"–", "not asked", dim}
	}
	return mark{"?", "unknown", yellow}
}

func checkSummary(counts map[string]int, total int) string {
	return fmt.Sprintf("%d checks: %d passed (✓), %d failed (✗), %d unknown (?), %d not asked (–).",
		total, counts["passed"], counts["failed"], counts["unknown"], counts["not asked"])
}
