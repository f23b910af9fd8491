package report

import (
	"io"
	"slices"

	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// PlanDifference writes for a person how the actions of two plans differ: what
// is new, what is gone, and what differs in an action of both. Nothing is
// written where there is no difference.
func PlanDifference(w io.Writer, was, is plan.Plan, style Style) error {
	p := &page{style: style}
	instance := ""
	for _, d := range plan.Compare(was, is) {
		a := d.Is
		if a == nil {
			a = d.Was
		}
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
		p.marks(green, "      + ", p.actionDetails(*d.Is))
	case d.Is == nil:
		p.mark(red, "  - ", p.actionTitle(*d.Was))
		p.marks(red, "      - ", p.actionDetails(*d.Was))
	default:
		p.mark(yellow, "  ~ ", p.actionTitle(*d.Is))
		was, is := p.actionDetails(*d.Was), p.actionDetails(*d.Is)
		if d.Was.Kind != d.Is.Kind {
			was, is = append([]string{p.actionTitle(*d.Was)}, was...), append([]string{p.actionTitle(*d.Is)}, is...)
		}
		p.marks(red, "      - ", without(was, is))
		p.marks(green, "      + ", without(is, was))
	}
}

func (p *page) mark(c color, symbol, text string) {
	p.line(p.style.paint(c, symbol), clean(text))
}

func (p *page) marks(c color, symbol string, lines []string) {
	for _, l := range lines {
		p.mark(c, symbol, l)
	}
}

func (p *page) actionTitle(a plan.Action) string { return string(a.Kind) + " " + p.title(a) }

// actionDetails are the lines of an action under its title.
func (p *page) actionDetails(a plan.Action) []string {
	lines := []string{p.words(a.Reason)}
	for _, c := range a.Changes {
		field, from, to := p.style.Language.change(c)
		switch {
		case from == "":
			lines = append(lines, field+": "+to)
		case to == "":
			lines = append(lines, field+": "+from+" → "+p.words(message.New("plan-text.none")))
		default:
			lines = append(lines, field+": "+from+" → "+to)
		}
	}
	return append(lines, p.style.Language.texts(a.Steps)...)
}

// without are the lines of list that are not among others.
func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(l string) bool { return slices.Contains(others, l) })
}
