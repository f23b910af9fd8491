package report

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// unfolded is how many lines a part of Markdown may have without being folded.
const unfolded = 20

// markdown makes the blocks of a document.
type markdown struct {
	language *Language
	// full also shows what is as declared.
	full   bool
	blocks []block
}

// writeMarkdown writes a comment for a pull request: a plan grouped by instance
// with only what changes, then what is kept for a reason, and findings. Long
// parts are folded, and the length is at most Options.Limit.
func writeMarkdown(w io.Writer, d Document, o Options) error {
	m := &markdown{full: o.Style.Full, language: o.Style.Language}
	doc := document{}
	switch {
	case d.Change != nil:
		touched, pending := m.changeParts(d.Change)
		m.fold(m.words(message.New("comment.touches", "count", len(d.Change.Touched))), "", touched, len(touched) > unfolded)
		m.plan(*d.Plan, d.Basis.Depth)
		m.fold(m.words(message.New("comment.pending", "count", len(pending))), "", pending, true)
		doc.foot = m.changeFoot(d.Change, *d.Plan, d.Basis)
	case d.Plan != nil:
		m.plan(*d.Plan, d.Basis.Depth)
		doc.foot = m.planFoot(*d.Plan, d.Basis)
	}
	m.findings(d.findings())
	if !d.Summary.IsZero() && !finding.HasErrors(d.findings()) {
		doc.foot = m.text(d.Summary) + "\n" + doc.foot
	}
	doc.head = Marker(cmp.Or(o.Comment, d.defaultComment())) + "\n\n## reconciler: " + m.words(d.heading()) + "\n\n"
	if of := d.Basis.revisions(); of != nil {
		doc.head += m.text(message.New("list", "items", of)) + "\n\n"
	}
	doc.blocks, doc.quiet, doc.language = m.blocks, d.saysNothing(), m.language
	_, err := io.WriteString(w, doc.sealed(o.Limit))
	return err
}

// words returns a message in the comment's language, and text the same as
// Markdown.
func (m *markdown) words(x message.Message) string { return m.language.Text(x) }

func (m *markdown) text(x message.Message) string { return markdownText(m.words(x)) }

// planFoot is the end of a plan's Markdown, which is never cut: the depth, the
// numbers and the digest.
func (m *markdown) planFoot(p plan.Plan, basis Basis) string {
	var lines []string
	if asked := basis.words(p.Instances); !asked.IsZero() {
		lines = append(lines, m.words(asked), "")
	}
	for _, silent := range basis.silent() {
		lines = append(lines, m.text(silent), "")
	}
	if basis.Depth == Offline {
		return strings.Join(lines, "\n") // Nothing was compared, so there are no numbers and no digest.
	}
	return strings.Join(append(lines, m.words(planSummary(p)), "", m.digest(p), ""), "\n")
}

func (m *markdown) digest(p plan.Plan) string {
	return m.words(message.New("plan-text.digest", "digest", "`"+p.Digest()+"`"))
}

func (d Document) defaultComment() string {
	if d.Plan != nil {
		return "plan"
	}
	return "findings"
}

// heading is the most important result in a few words.
func (d Document) heading() message.Message {
	findings := d.findings()
	switch {
	case d.Plan != nil && d.Plan.Refused():
		return message.New("comment.refused")
	case len(findings) > 0 && (d.Plan == nil || finding.HasErrors(findings)):
		return summaryOf(countOf(findings))
	case d.Plan == nil:
		return message.New("comment.no-findings")
	case d.Plan.HasChanges():
		return message.New("comment.changes")
	case d.Change != nil && len(d.Change.Touched) > 0:
		return message.New("comment.touched", "count", len(d.Change.Touched))
	case d.Basis.Depth == Offline:
		return message.New("comment.not-compared")
	}
	return message.New("comment.nothing")
}

// saysNothing reports whether the document reports no change and no finding.
func (d Document) saysNothing() bool {
	return len(d.findings()) == 0 && (d.Plan == nil || !d.Plan.Refused() && !d.Plan.HasChanges()) && (d.Change == nil || len(d.Change.Touched) == 0)
}

// fold adds a part under a title, which is foreign text. If folded, a click on
// the title shows the rows.
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
		title := m.words(message.New("comment.instance", "instance", instance, "count", len(rows)))
		m.fold(title, m.words(message.New("comment.columns"))+"\n|---|---|---|---|---|\n", rows, len(rows) > unfolded)
		for _, a := range p.Actions[start:end] {
			m.steps(a)
		}
		start = end
	}
	title := message.New("plan-text.kept", "count", len(kept))
	if depth == Offline {
		title = message.New("comment.objects-not-compared", "count", len(kept))
	}
	m.fold(m.words(title), "", kept, true)
	m.fold(m.words(message.New("comment.settled", "count", len(settled))), "", settled, true)
}

func (m *markdown) noop(a plan.Action) string {
	parts := append([]string{m.text(a.Reason)}, each(a.Changes, m.change)...)
	return fmt.Sprintf("- %s, %s: %s\n", markdownCode(a.Instance), m.title(a), strings.Join(parts, "; "))
}

// action returns an action's row in its instance's table.
func (m *markdown) action(a plan.Action) string {
	changes := each(a.Changes, m.change)
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n",
		symbolOf(a.Kind).text, markdownText(string(a.Kind)), m.title(a), strings.Join(changes, "<br>"), m.text(a.Reason))
}

// title says what an action is done to, as text does.
func (m *markdown) title(a plan.Action) string {
	return m.words(titled(a, markdownCode, markdownText))
}

func (m *markdown) change(c plan.Change) string {
	field, from, to := m.language.change(c)
	if from == "" {
		return markdownText(field) + ": " + markdownCode(to)
	}
	return markdownText(field) + ": " + markdownCode(from) + " → " + markdownCode(to)
}

// steps adds the steps of an action, for a person or of the program.
func (m *markdown) steps(a plan.Action) {
	if a.Kind == plan.Noop {
		return
	}
	rows := make([]string, 0, len(a.Steps))
	for i, s := range m.language.texts(a.Steps) {
		rows = append(rows, fmt.Sprintf("%d. %s\n", i+1, markdownText(s)))
	}
	steps := message.New("comment.steps", "count", len(rows))
	if a.Kind.ByPerson() {
		steps = message.New("comment.steps-for-person", "count", len(rows))
	}
	about := []message.Message{message.New("comment.action", "action", a.Kind, "object", title(a), "steps", steps)}
	if !a.Since.IsZero() {
		about = append(about, waitsSince(a.Since, a.Due))
	}
	m.fold(m.words(message.New("list", "items", about)), "", rows, true)
}

// findings adds the errors and then the rest. A long part is folded.
func (m *markdown) findings(findings []finding.Finding) {
	var errors, others []string
	for _, f := range findings {
		if f.Severity == finding.Error {
			errors = append(errors, m.finding(f))
		} else {
			others = append(others, m.finding(f))
		}
	}
	m.fold(m.words(message.New("summary.errors", "count", len(errors))), "", errors, len(errors) > unfolded)
	m.fold(m.words(message.New("summary.others", "count", len(others))), "", others, len(others) > unfolded)
}

func (m *markdown) finding(f finding.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- **%s** %s", markdownText(string(f.Severity)), markdownCode(f.Code))
	if at := strings.TrimSuffix(place(f), ": "); at != "" {
		fmt.Fprintf(&b, " %s %s", m.text(message.New("label.at")), markdownCode(at))
	}
	if f.Path != "" {
		fmt.Fprintf(&b, ", %s %s", m.text(message.New("label.field")), markdownCode(f.Path))
	}
	fmt.Fprintf(&b, ": %s\n", m.text(f.Message))
	if !f.Rule.IsZero() {
		fmt.Fprintf(&b, "  - %s: %s\n", m.text(message.New("label.the-rule")), m.text(f.Rule))
	}
	if !f.Hint.IsZero() {
		fmt.Fprintf(&b, "  - %s: %s\n", m.text(message.New("label.to-fix")), m.text(f.Hint))
	}
	return b.String()
}
