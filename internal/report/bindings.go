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

// Bindings writes the table of bindings for a person, sorted by instance and
// name, and below it what people have to do. With Style.Full it shows every
// condition of each.
func Bindings(w io.Writer, statuses []binding.Status, style Style) error {
	p := &page{style: style}
	statuses = sortStatuses(statuses)
	if len(statuses) == 0 {
		p.line("No bindings.")
		return p.writeTo(w)
	}
	p.table(statuses)
	p.closed(statuses)
	p.suspended(statuses)
	for _, s := range statuses {
		p.details(s)
	}
	return p.writeTo(w)
}

func sortStatuses(statuses []binding.Status) []binding.Status {
	return slices.SortedStableFunc(slices.Values(statuses), func(a, b binding.Status) int {
		return cmp.Or(cmp.Compare(a.Spec.Instance, b.Spec.Instance), cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
}

// readyColumn is the column that is coloured.
const readyColumn = 4

func (p *page) table(statuses []binding.Status) {
	rows := [][]string{{"INSTANCE", "NAME", "PLATFORM", "ACCOUNT", "READY", "REASON", "TOKEN", "EXPIRES", "MESSAGE"}}
	for _, s := range statuses {
		rows = append(rows, p.row(s))
	}
	p.painted(rows, nil, func(row, column int, cell string) string {
		if column == readyColumn && row > 0 {
			return p.style.paint(readyColor(rows[row][column]), cell)
		}
		return cell
	})
}

func (p *page) row(s binding.Status) []string {
	ready := binding.Condition{Status: binding.Unclear}
	if c := binding.FindCondition(s.Conditions, binding.Ready); c != nil {
		ready = *c
	}
	token := "-"
	if s.TokenVersion > 0 {
		token = fmt.Sprintf("v%d", s.TokenVersion)
	}
	return []string{
		s.Spec.Instance, s.Name, s.Spec.Platform.Title(), cmp.Or(s.Spec.Username, "-"),
		string(ready.Status), reasonCell(s, ready), token, day(s.TokenExpires), p.style.Language.Text(ready.Message),
	}
}

// reasonCell is the reason of Ready, with a word for a binding that is suspended:
// what changes is not applied, although all is as declared now.
func reasonCell(s binding.Status, ready binding.Condition) string {
	reason := cmp.Or(ready.Reason, "-")
	if c := binding.FindCondition(s.Conditions, binding.Suspended); c != nil && c.Status == binding.True {
		return reason + " (suspended)"
	}
	return reason
}

// day is the last day of something that ends at t: midnight belongs to the day
// that it ends.
func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Add(-time.Nanosecond).UTC().Format(time.DateOnly)
}

func readyColor(status string) color {
	switch binding.ConditionStatus(status) {
	case binding.True:
		return green
	case binding.False:
		return red
	default:
		return yellow
	}
}

// closed tells of each instance that may not be changed now until when that is.
func (p *page) closed(statuses []binding.Status) {
	told := ""
	for _, s := range statuses {
		c := binding.FindCondition(s.Conditions, binding.WindowOpen)
		if c == nil || c.Status != binding.False || s.Spec.Instance == told {
			continue
		}
		if told == "" {
			p.line()
		}
		told = s.Spec.Instance
		p.fold("", clean(told)+" is not changed now: "+p.style.Language.Text(c.Message))
	}
}

// suspended tells of what is held still, of all that one suspension holds at
// once.
func (p *page) suspended(statuses []binding.Status) {
	type held struct{ instance, by string }
	var all []held
	names, why := map[held][]string{}, map[held]message.Message{}
	for _, s := range statuses {
		c := binding.FindCondition(s.Conditions, binding.Suspended)
		if c == nil || c.Status != binding.True {
			continue
		}
		h := held{s.Spec.Instance, c.Message.Key()}
		if names[h] == nil {
			all = append(all, h)
		}
		names[h], why[h] = append(names[h], s.Name), c.Message
	}
	for i, h := range all {
		if i == 0 {
			p.line()
		}
		what := names[h][0] + " is"
		if more := len(names[h]) - 1; more > 0 {
			what = fmt.Sprintf("%s and %d more of %s are", names[h][0], more, h.instance)
		}
		p.fold("", what+" suspended "+p.style.Language.Text(why[h]))
	}
}

// details writes what the table has no room for.
func (p *page) details(s binding.Status) {
	if p.style.Full {
		p.line()
		p.line(p.style.paint(bold, clean(s.Spec.Instance+"/"+s.Name)), "  ", clean(strings.TrimSpace(s.File+" "+s.Revision)))
		p.conditions(s.Conditions)
	}
	if s.Retry != nil {
		p.line()
		p.line(p.style.paint(yellow, "!"), " ", p.style.paint(bold, clean(s.Name)), " ", retrying(s))
	}
	if len(s.Steps) == 0 {
		return
	}
	p.line()
	p.line(p.style.paint(cyan, "?"), " ", p.style.paint(bold, clean(s.Name)), " waits for a person", p.waits(s), ":")
	for i, step := range p.style.Language.texts(s.Steps) {
		p.fold(fmt.Sprintf("  %2d. ", i+1), step)
	}
}

// retrying says which attempt is next, and when: by the time alone where that is
// on the day of the last sync.
func retrying(s binding.Status) string {
	next, last := s.Retry.Next.UTC(), s.LastSync.UTC()
	layout := time.RFC3339
	if next.Format(time.DateOnly) == last.Format(time.DateOnly) {
		layout = "15:04:05Z"
	}
	return fmt.Sprintf("retrying, attempt %d, next %s", s.Retry.Failures+1, next.Format(layout))
}

// waits says since when the oldest of a binding's steps waits, and whether one
// is overdue.
func (p *page) waits(s binding.Status) string {
	if len(s.Pending) == 0 {
		return ""
	}
	oldest := slices.MinFunc(s.Pending, func(a, b binding.PendingStep) int { return a.Since.Compare(b.Since) })
	text := " since " + moment(oldest.Since)
	switch {
	case oldest.Overdue:
		text += ", " + p.style.paint(red, "overdue") + " since " + moment(oldest.Due)
	case !oldest.Due.IsZero():
		text += ", due by " + moment(oldest.Due)
	}
	return text
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
