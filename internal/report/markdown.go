package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// unfolded is how many lines a part of Markdown may have and stand open.
const unfolded = 20

// markdown makes the blocks of a document.
type markdown struct {
	language *Language
	// full shows what is as declared, too.
	full   bool
	blocks []block
}

// writeMarkdown writes a comment for a pull request: a plan grouped by
// instance, only what changes, then what is kept for a reason, and findings.
// Long parts are folded; all of it keeps to Options.Limit.
func writeMarkdown(w io.Writer, d Document, o Options) error {
	m := &markdown{full: o.Style.Full, language: o.Style.Language}
	doc := document{}
	switch {
	case d.Change != nil:
		touched, pending := m.changeParts(d.Change)
		m.fold("This change touches "+counted(len(d.Change.Touched), "binding", "bindings"), "", touched, len(touched) > unfolded)
		m.plan(*d.Plan, d.Basis.Depth)
		m.fold("Already pending: "+counted(len(pending), "action", "actions"), "", pending, true)
		doc.foot = d.Change.foot(*d.Plan, d.Basis)
	case d.Plan != nil:
		m.plan(*d.Plan, d.Basis.Depth)
		doc.foot = planFoot(*d.Plan, d.Basis)
	}
	m.findings(d.findings())
	if d.Summary != "" && !finding.HasErrors(d.findings()) {
		doc.foot = markdownText(d.Summary) + "\n" + doc.foot
	}
	doc.head = Marker(cmp.Or(o.Comment, d.defaultComment())) + "\n\n## " + d.heading() + "\n\n"
	if revisions := d.Basis.revisions(); revisions != "" {
		doc.head += markdownText(revisions) + "\n\n"
	}
	doc.blocks = m.blocks
	if _, err := io.WriteString(w, doc.sealed(o.Limit)); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// planFoot is what ends a plan's Markdown and is never cut: the depth, the
// numbers, the digest.
func planFoot(p plan.Plan, basis Basis) string {
	var lines []string
	if words := basis.words(p.Instances); words != "" {
		lines = append(lines, words, "")
	}
	if basis.Depth == Offline {
		return strings.Join(lines, "\n") // What was compared with nothing can be held to nothing.
	}
	return strings.Join(append(lines, planSummary(p), "", "Digest: `"+p.Digest()+"`", ""), "\n")
}

func (d Document) defaultComment() string {
	if d.Plan != nil {
		return "plan"
	}
	return "findings"
}

// heading says the most important thing in a few words.
func (d Document) heading() string {
	findings := d.findings()
	switch {
	case d.Plan != nil && d.Plan.Refused():
		return "reconciler: refused for safety"
	case len(findings) > 0 && (d.Plan == nil || finding.HasErrors(findings)):
		return "reconciler: " + English().summary(countFindings(findings))
	case d.Plan == nil:
		return "reconciler: no findings"
	case d.Plan.HasChanges():
		return "reconciler: changes are due"
	case d.Change != nil && len(d.Change.Touched) > 0:
		return "reconciler: " + counted(len(d.Change.Touched), "binding is touched", "bindings are touched")
	case d.Basis.Depth == Offline:
		return "reconciler: nothing was compared"
	}
	return "reconciler: nothing changes"
}

func countFindings(findings []finding.Finding) map[finding.Severity]int {
	counts := map[finding.Severity]int{}
	for _, f := range findings {
		counts[f.Severity]++
	}
	return counts
}

// fold adds a part under a title, which is foreign text; folded, its rows show
// when the title is clicked.
func (m *markdown) fold(title, tableHead string, rows []string, folded bool) {
	if len(rows) == 0 {
		return
	}
	b := block{head: "### " + markdownText(title) + "\n\n" + tableHead, rows: rows, foot: "\n"}
	if folded {
		b.head = "<details>\n<summary>" + htmlText(title) + "</summary>\n\n" + tableHead
		b.foot = "\n</details>\n\n"
	}
	m.blocks = append(m.blocks, b)
}

func (m *markdown) plan(p plan.Plan, depth Depth) {
	var kept, settled []string
	for start := 0; start < len(p.Actions); {
		instance := p.Actions[start].Instance
		end := start
		var rows []string
		for ; end < len(p.Actions) && p.Actions[end].Instance == instance; end++ {
			a := p.Actions[end]
			switch {
			case a.Kind != plan.Noop:
				rows = append(rows, m.action(a))
			case !a.Settled():
				kept = append(kept, m.noop(a))
			case m.full:
				settled = append(settled, m.noop(a))
			}
		}
		title := fmt.Sprintf("Instance %s: %s", instance, counted(len(rows), "action", "actions"))
		m.fold(title, "|   | action | on | what changes | why |\n|---|---|---|---|---|\n", rows, len(rows) > unfolded)
		for _, a := range p.Actions[start:end] {
			m.steps(a)
		}
		start = end
	}
	title := "Kept as it is: "
	if depth == Offline {
		title = "Not compared: "
	}
	m.fold(title+counted(len(kept), "object", "objects"), "", kept, true)
	m.fold("As declared: "+counted(len(settled), "object", "objects"), "", settled, true)
}

func (m *markdown) noop(a plan.Action) string {
	changes := ""
	for _, c := range a.Changes {
		changes += "; " + m.change(c)
	}
	return fmt.Sprintf("- %s, %s: %s%s\n", markdownCode(a.Instance), m.title(a), markdownText(m.language.Text(a.Reason)), changes)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// action is an action's row of its instance's table.
func (m *markdown) action(a plan.Action) string {
	changes := make([]string, 0, len(a.Changes))
	for _, c := range a.Changes {
		changes = append(changes, m.change(c))
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n",
		lookOf(a.Kind).symbol, markdownText(string(a.Kind)), m.title(a), strings.Join(changes, "<br>"), markdownText(m.language.Text(a.Reason)))
}

// title says what an action is done to, as text does.
func (m *markdown) title(a plan.Action) string {
	if a.Object.IsAccount() {
		return fmt.Sprintf("%s (%s account)", markdownCode(a.Binding), markdownText(a.Platform.Title()))
	}
	return fmt.Sprintf("%s (%s)", markdownCode(a.Object.String()), markdownCode(a.Binding))
}

func (m *markdown) change(c plan.Change) string {
	if c.From == "" {
		return markdownText(c.Field) + ": " + markdownCode(c.To)
	}
	return markdownText(c.Field) + ": " + markdownCode(c.From) + " → " + markdownCode(c.To)
}

// steps adds what a person has to do for an action, or what it promises.
func (m *markdown) steps(a plan.Action) {
	if a.Kind == plan.Noop {
		return
	}
	rows := make([]string, 0, len(a.Steps))
	for i, s := range m.language.texts(a.Steps) {
		rows = append(rows, fmt.Sprintf("%d. %s\n", i+1, markdownText(s)))
	}
	title := fmt.Sprintf("%s %s: %s", a.Kind, title(a), counted(len(rows), "step", "steps"))
	if a.Kind.ByPerson() {
		title += " for a person"
	}
	if !a.Since.IsZero() {
		title += ", " + waitsSince(a.Since, a.Due)
	}
	m.fold(title, "", rows, true)
}

// findings adds the errors, then the rest; a long part is folded.
func (m *markdown) findings(findings []finding.Finding) {
	var errors, others []string
	for _, f := range slices.All(findings) {
		if f.Severity == finding.Error {
			errors = append(errors, m.finding(f))
		} else {
			others = append(others, m.finding(f))
		}
	}
	m.fold(m.language.Text(message.New("summary.errors", "count", len(errors))), "", errors, len(errors) > unfolded)
	m.fold(m.language.Text(message.New("summary.others", "count", len(others))), "", others, len(others) > unfolded)
}

func (m *markdown) finding(f finding.Finding) string {
	text := func(x message.Message) string { return markdownText(m.language.Text(x)) }
	var b strings.Builder
	fmt.Fprintf(&b, "- **%s** %s", markdownText(string(f.Severity)), markdownCode(f.Code))
	if at := strings.TrimSuffix(place(f), ": "); at != "" {
		fmt.Fprintf(&b, " %s %s", text(message.New("label.at")), markdownCode(at))
	}
	if f.Path != "" {
		fmt.Fprintf(&b, ", %s %s", text(message.New("label.field")), markdownCode(f.Path))
	}
	fmt.Fprintf(&b, ": %s\n", text(f.Message))
	if !f.Rule.IsZero() {
		fmt.Fprintf(&b, "  - %s: %s\n", text(message.New("label.the-rule")), text(f.Rule))
	}
	if !f.Hint.IsZero() {
		fmt.Fprintf(&b, "  - %s: %s\n", text(message.New("label.to-fix")), text(f.Hint))
	}
	return b.String()
}
