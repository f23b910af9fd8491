package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// BindingView is what `get` shows: bindings, and the problems that affect them.
type BindingView struct {
	Statuses []binding.Status
	Problems Problems
	// All is how many bindings there are, shown or not.
	All int
}

// Bindings writes the problems and then a table of bindings for a person. With
// Style.Steps it also shows what people have to do, and with Style.Full every
// condition.
func Bindings(w io.Writer, v BindingView, style Style) error {
	p := &page{style: style}
	p.above(v)
	switch {
	case len(v.Statuses) == 0 && v.All > 0:
		p.printMessage(message.New("bindings.no-match", "count", v.All))
	case len(v.Statuses) == 0:
		p.printMessage(message.New("bindings.none"))
	default:
		NewBindingTable(style).write(p, v.Statuses)
	}
	for _, s := range v.Statuses {
		p.details(s)
	}
	return p.writeTo(w)
}

// above writes what comes before the table: what is refused, down, invalid or
// held, and what waits for people.
func (p *page) above(v BindingView) {
	p.problems(v.Problems)
	p.closed(v.Statuses)
	p.suspended(v.Statuses)
	if !p.style.Full && !p.style.Steps {
		p.waiting(v.Statuses)
	}
	if p.text.Len() > 0 {
		p.line()
	}
}

func sortStatuses(statuses []binding.Status) []binding.Status {
	return slices.SortedStableFunc(slices.Values(statuses), func(a, b binding.Status) int {
		return cmp.Or(cmp.Compare(a.Spec.Instance, b.Spec.Instance), cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
}

// bindingColumns returns the columns of a table of bindings.
func bindingColumns(wide bool) []column {
	columns := []column{{id: "name"}, {id: "instance", rank: 3}, {id: "platform", rank: 4}, {id: "account", rank: 7}, {id: "ready"}, {id: "reason", rank: 1}, {id: "token", rank: 5}, {id: "expires", rank: 6}}
	if wide {
		columns = append(columns, column{id: "synced"}, column{id: "commit"}, column{id: "file"})
	}
	return append(columns, column{id: "age", rank: 2})
}

// BindingTable writes rows of bindings incrementally.
type BindingTable struct {
	style Style
	table table
}

// NewBindingTable makes a table of bindings.
func NewBindingTable(style Style) *BindingTable {
	return &BindingTable{style, table{columns: bindingColumns(style.Wide)}}
}

// Begin writes what comes before the table, and the first rows.
func (t *BindingTable) Begin(w io.Writer, v BindingView) error {
	p := &page{style: t.style}
	p.above(v)
	t.write(p, v.Statuses)
	return p.writeTo(w)
}

// Write writes changes below the existing rows: problems, if there are any,
// changed bindings, and those that are gone.
func (t *BindingTable) Write(w io.Writer, changed BindingView, gone []BindingRow) error {
	p := &page{style: t.style}
	p.problems(changed.Problems)
	if len(changed.Statuses) > 0 {
		t.write(p, changed.Statuses)
	}
	for _, r := range gone {
		p.printMessage(message.New("bindings.gone", "binding", objectOf(r.Instance, r.Name)))
	}
	return p.writeTo(w)
}

func (t *BindingTable) write(p *page, statuses []binding.Status) {
	for _, s := range statuses {
		r := NewBindingRow(s)
		t.table.row(r.cells(p.style)...)
		t.table.rows[len(t.table.rows)-1][readyColumn].color = readyColor(r.Ready)
	}
	p.write(&t.table)
}

// readyColumn is the column that is coloured.
const readyColumn = 4

func (r BindingRow) cells(style Style) []string {
	token, reason := "", r.Reason
	if r.TokenVersion > 0 {
		token = fmt.Sprintf("v%d", r.TokenVersion)
	}
	if r.Suspended {
		reason = strings.TrimPrefix(reason+","+string(binding.Suspended), ",")
	}
	cells := []string{r.Name, r.Instance, r.Platform.Title(), r.Account, string(r.Ready), reason, token, day(r.Expires)}
	if style.Wide {
		cells = append(cells, style.age(r.Synced), Short(r.Revision), r.File)
	}
	return append(cells, style.age(r.Since))
}

// day is the last day of something that ends at t: midnight counts as the end
// of the previous day.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
}

func readyColor(status binding.ConditionStatus) color {
	switch status {
	case binding.True:
		return green
	case binding.False:
		return red
	default:
		return yellow
	}
}

// printMessage writes a message on separate lines.
func (p *page) printMessage(m message.Message) { p.fold("", p.style.Language.Text(m)) }

// closed lists the instances whose windows are closed now, and until when.
func (p *page) closed(statuses []binding.Status) {
	shown := map[string]bool{}
	for _, s := range statuses {
		c := binding.FindCondition(s.Conditions, binding.WindowOpen)
		if c == nil || c.Status != binding.False || shown[s.Spec.Instance] {
			continue
		}
		shown[s.Spec.Instance] = true
		p.printMessage(message.New("held.window", "instance", s.Spec.Instance, "why", c.Message))
	}
}

// suspended lists the suspensions, each with everything that it covers.
func (p *page) suspended(statuses []binding.Status) {
	type held struct{ instance, by string }
	var all []held
	names, why := map[held][]string{}, map[held]message.Message{}
	for _, s := range statuses {
		c := suspension(s)
		if c == nil {
			continue
		}
		h := held{s.Spec.Instance, c.Message.Key()}
		if names[h] == nil {
			all = append(all, h)
		}
		names[h], why[h] = append(names[h], s.Name), c.Message
	}
	for _, h := range all {
		p.printMessage(message.New("held.suspended", "binding", names[h][0], "more", len(names[h])-1, "instance", h.instance, "why", why[h]))
	}
}

// waiting lists which bindings wait for a person, in one line.
func (p *page) waiting(statuses []binding.Status) {
	var names []string
	var pending []binding.PendingStep
	for _, s := range statuses {
		if len(s.Steps) > 0 {
			names, pending = append(names, s.Name), append(pending, s.Pending...)
		}
	}
	if len(names) > 0 {
		p.fold("? ", p.style.Language.Text(message.New("held.person", "binding", names[0], "more", len(names)-1, "when", sinceWhen(pending))))
	}
}

// sinceWhen returns when the oldest of some steps began to wait, and whether it is
// overdue.
func sinceWhen(pending []binding.PendingStep) message.Message {
	if len(pending) == 0 {
		return message.Message{}
	}
	oldest := slices.MinFunc(pending, func(a, b binding.PendingStep) int { return a.Since.Compare(b.Since) })
	switch {
	case oldest.Overdue:
		return message.New("waits.overdue", "since", oldest.Since, "due", oldest.Due)
	case !oldest.Due.IsZero():
		return message.New("waits.due", "since", oldest.Since, "due", oldest.Due)
	}
	return message.New("waits.since", "since", oldest.Since)
}

// details writes what does not fit into the table.
func (p *page) details(s binding.Status) {
	if p.style.Full {
		p.line()
		declared := strings.TrimSpace(s.File + " " + Short(s.Revision))
		p.line(p.style.paint(bold, clean(objectOf(s.Spec.Instance, s.Name))), "  ", clean(declared))
		p.conditions(s.Conditions)
	}
	if s.Retry != nil && (p.style.Full || p.style.Steps) {
		p.line()
		p.fold("! ", p.style.Language.Text(message.New("retrying", "binding", s.Name, "attempt", s.Retry.Failures+1, "next", p.next(s))))
	}
	if len(s.Steps) == 0 || !p.style.Full && !p.style.Steps {
		return
	}
	p.line()
	p.fold("? ", p.style.Language.Text(message.New("held.steps", "binding", s.Name, "when", sinceWhen(s.Pending))))
	for i, step := range p.style.Language.texts(s.Steps) {
		p.fold(fmt.Sprintf("  %2d. ", i+1), step)
	}
}

// next says when something is tried again. It writes only the time if that is on
// the day of the last sync.
func (p *page) next(s binding.Status) string {
	next, last := p.style.Language.time(s.Retry.Next), p.style.Language.time(s.LastSync)
	if next.Format(time.DateOnly) == last.Format(time.DateOnly) {
		return next.Format("15:04:05Z07:00")
	}
	return next.Format(time.RFC3339)
}

func (p *page) conditions(conditions []binding.Condition) {
	widest := 0
	for _, c := range conditions {
		widest = max(widest, width(clean(string(c.Type))))
	}
	for _, c := range conditions {
		p.fold(fmt.Sprintf("  %s  %s  ", pad(clean(string(c.Type)), widest), pad(clean(string(c.Status)), len(binding.Unclear))),
			clean(c.Reason)+": "+p.style.Language.Text(c.Message))
	}
}
