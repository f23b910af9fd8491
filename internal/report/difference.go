package report

import (
	"cmp"
	"io"
	"slices"

	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// PlanDifference writes for a person how the actions of two plans differ: what
// is new, what is gone, and what differs in actions of both. It writes nothing
// if there is no difference.
func PlanDifference(w io.Writer, was, is plan.Plan, style Style) error {
	p := &page{style: style}
	instance := ""
	for _, d := range plan.Compare(was, is) {
		a := cmp.Or(d.Is, d.Was)
		if a.Instance != instance {
			instance = a.Instance
			p.line(p.style.paint(bold, clean(instance)))
		}
		p.difference(d)
	}
	return p.writeTo(w)
}

func (p *page) difference(d plan.Difference) {
	switch {
	case d.Was == nil:
		p.mark(green, "  + ", p.actionTitle(*d.Is))
		p.marks(green, "      + ", actionDetails(*d.Is))
	case d.Is == nil:
		p.mark(red, "  - ", p.actionTitle(*d.Was))
		p.marks(red, "      - ", actionDetails(*d.Was))
	default:
		p.mark(yellow, "  ~ ", p.actionTitle(*d.Is))
		if d.Was.Kind != d.Is.Kind {
			p.mark(red, "      - ", p.actionTitle(*d.Was))
		}
		p.marks(red, "      - ", without(actionDetails(*d.Was), actionDetails(*d.Is)))
		if d.Was.Kind != d.Is.Kind {
			p.mark(green, "      + ", p.actionTitle(*d.Is))
		}
		p.marks(green, "      + ", without(actionDetails(*d.Is), actionDetails(*d.Was)))
	}
}

func (p *page) mark(c color, symbol, text string) {
	p.line(p.style.paint(c, symbol), clean(text))
}

func (p *page) marks(c color, symbol string, lines []message.Message) {
	for _, l := range lines {
		p.mark(c, symbol, p.words(l))
	}
}

func (p *page) actionTitle(a plan.Action) string { return string(a.Kind) + " " + p.title(a) }

// actionDetails returns the lines below an action's title.
func actionDetails(a plan.Action) []message.Message {
	lines := []message.Message{a.Reason}
	for _, c := range a.Changes {
		t := ChangeWords(c)
		if t.To.IsZero() && !t.From.IsZero() {
			t.To = message.New("plan-text.none")
		}
		lines = append(lines, message.New("change-text.value", "field", t.Field, "from", t.From, "to", t.To))
	}
	return append(lines, a.Steps...)
}

// without returns the lines of list that are not in others.
func without(list, others []message.Message) []message.Message {
	return slices.DeleteFunc(list, func(l message.Message) bool {
		return slices.ContainsFunc(others, func(o message.Message) bool { return o.Key() == l.Key() })
	})
}
