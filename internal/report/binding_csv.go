package report

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// bindingCSV are the CSV columns of bindings: what a table shows. Readers use
// the names of the columns, and ignore unknown ones.
var bindingCSV = []string{
	"name", "instance", "platform", "account", "ready", "reason", "since", "tokenVersion", "tokenExpires", "lastSync", "file", "revision",
	"steps", "waitingSince", "waitingDue", "overdue", "held",
}

// WriteBindingCSV writes what a table of bindings shows as CSV (RFC 4180): a line
// with the names of the columns, and one for each binding. For ten thousand
// bindings, JSON would be twice as long and take five times as long to read.
func WriteBindingCSV(w io.Writer, statuses iter.Seq[binding.Status]) error {
	out := csv.NewWriter(w)
	_ = out.Write(bindingCSV) // Error returns the error.
	var line []string
	for s := range statuses {
		r, held := NewBindingRow(s), ""
		if conditions := holding(s.Conditions); len(conditions) > 0 {
			text, err := json.Marshal(ConditionObjects(conditions))
			if err != nil {
				return err
			}
			held = string(text)
		}
		waits := oldestStep(s)
		line = append(line[:0], r.Name, r.Instance, string(r.Platform), r.Account, string(r.Ready), r.Reason, csvTime(r.Since), csvNumber(r.TokenVersion),
			csvTime(r.Expires), csvTime(r.Synced), r.File, r.Revision, csvNumber(len(s.Steps)), csvTime(waits.Since), csvTime(waits.Due), csvFlag(waits.Overdue), held)
		for i, cell := range line {
			line[i] = csvText(cell)
		}
		_ = out.Write(line)
	}
	out.Flush()
	return out.Error()
}

// ReadBindingCSV reads what any version of WriteBindingCSV wrote. Each status has
// only what a table shows, as ForTable returns it.
func ReadBindingCSV(r io.Reader) ([]binding.Status, error) {
	in := csv.NewReader(r)
	names, err := in.Read()
	if err != nil {
		return nil, err
	}
	places := make([]int, len(bindingCSV))
	for i, name := range bindingCSV {
		places[i] = slices.Index(names, name)
	}
	in.ReuseRecord = true
	var all []binding.Status
	for {
		line, err := in.Read()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		row := csvRow{line: line, places: places}
		s := row.status()
		if row.err != nil {
			return nil, row.err
		}
		all = append(all, s)
	}
}

// csvRow is one line. Its cells are read in the order of bindingCSV.
type csvRow struct {
	line   []string
	places []int
	err    error
}

func (r *csvRow) status() (s binding.Status) {
	ready := binding.Condition{Type: binding.Ready}
	s.Name, s.Spec.Instance, s.Spec.Platform, s.Spec.Username = r.text(), r.text(), binding.Platform(r.text()), r.text()
	ready.Status, ready.Reason, ready.LastTransitionTime = binding.ConditionStatus(r.text()), r.text(), r.time()
	s.TokenVersion, s.TokenExpires, s.LastSync, s.File, s.Revision = r.number(), r.time(), r.time(), r.text(), r.text()
	steps, waits := r.number(), binding.PendingStep{Since: r.time(), Due: r.time(), Overdue: r.text() != ""}
	s.Conditions = append([]binding.Condition{ready}, r.held()...)
	if steps > 0 {
		s.Steps = []message.Message{{}}
	}
	if !waits.Since.IsZero() {
		s.Pending = []binding.PendingStep{waits}
	}
	return s
}

// text returns the next cell.
func (r *csvRow) text() string {
	place := r.places[0]
	r.places = r.places[1:]
	if place < 0 {
		return "" // An earlier version has no such column.
	}
	cell := r.line[place]
	if !strings.HasPrefix(cell, `"`) {
		return cell
	}
	text, err := strconv.Unquote(cell)
	r.fail(err)
	return text
}

func (r *csvRow) time() time.Time {
	text := r.text()
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	r.fail(err)
	return t
}

func (r *csvRow) number() int {
	text := r.text()
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	r.fail(err)
	return n
}

func (r *csvRow) held() []binding.Condition {
	text := r.text()
	if text == "" {
		return nil
	}
	var objects []ConditionObject
	r.fail(json.Unmarshal([]byte(text), &objects))
	return ConditionsOf(objects)
}

func (r *csvRow) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// csvText makes a cell that is read back unchanged: CSV itself loses a carriage
// return before a new line.
func csvText(text string) string {
	if strings.HasPrefix(text, `"`) || strings.Contains(text, "\r") {
		return strconv.Quote(text)
	}
	return text
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339Nano)
}

func csvNumber(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func csvFlag(set bool) string {
	if set {
		return "true"
	}
	return ""
}
