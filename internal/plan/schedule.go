package plan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"reconciler/internal/message"
)

// Schedule says when a window begins: a cron expression of five fields, read
// by the clock on the wall. The zero Schedule is none and can not be evaluated.
type Schedule struct{ expr string }

// errNoSchedule is what comes of the zero Schedule.
var errNoSchedule = message.NewError("schedule.none")

// scheduleField is what one field of a cron expression may hold.
type scheduleField struct {
	name     message.Message
	min, max int
	// words stand for numbers, counted from min.
	words []string
}

func scheduleFields() []scheduleField {
	return []scheduleField{
		{name: message.New("schedule.minute"), max: 59},
		{name: message.New("schedule.hour"), max: 23},
		{name: message.New("schedule.day"), min: 1, max: 31},
		{name: message.New("schedule.month"), min: 1, max: 12, words: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
		{name: message.New("schedule.weekday"), max: 7, words: strings.Fields("SUN MON TUE WED THU FRI SAT")},
	}
}

// ParseSchedule reads a cron expression: minute, hour, day of the month, month,
// day of the week. A field is *, a number, a range (1-5), either of the last
// two with a step (*/15, 8-18/2), or several of them with commas; months and
// days of the week have their names (JAN, MON) too, and Sunday is 0 or 7. Where
// both days are restricted, either of them is enough; where one of them begins
// with *, both have to fit. All of this is cron's own. What other tools add to
// it (seconds, years, @daily, L, W, #) is an error, which names the field.
func ParseSchedule(expr string) (Schedule, error) {
	texts, fields := strings.Fields(strings.ToUpper(expr)), scheduleFields()
	if len(texts) != len(fields) {
		return Schedule{}, message.NewError("schedule.fields", "count", len(texts))
	}
	for i, f := range fields {
		if err := f.check(texts[i]); err != nil {
			return Schedule{}, err
		}
	}
	return Schedule{strings.Join(texts, " ")}, nil
}

// check is an error where text is not a value of the field.
func (f scheduleField) check(text string) error {
	if text == "*" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		if stepped && !f.number(step, 1) {
			return message.NewError("schedule.step", "field", f.name, "item", item, "most", f.max)
		}
		if span == "*" && stepped {
			continue
		}
		first, last, ranged := strings.Cut(span, "-")
		from, ok := f.value(first)
		to := from
		if ranged && ok {
			to, ok = f.value(last)
		}
		switch {
		case !ok:
			return message.NewError("schedule.values", "field", f.name, "item", item, "least", f.min, "most", f.max, "names", f.words)
		case from > to:
			return message.NewError("schedule.range", "field", f.name, "item", item)
		case stepped && !ranged:
			return message.NewError("schedule.step-alone", "field", f.name, "item", item)
		}
	}
	return nil
}

// value is the number that text stands for.
func (f scheduleField) value(text string) (int, bool) {
	if i := slices.Index(f.words, text); i >= 0 {
		return f.min + i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && f.number(text, f.min)
}

// number says that text is a plain number from least to the field's greatest.
func (f scheduleField) number(text string, least int) bool {
	n, err := strconv.ParseUint(text, 10, 8)
	return err == nil && len(text) <= 2 && int(n) >= least && int(n) <= f.max
}

// String is the expression.
func (s Schedule) String() string { return s.expr }

// next is the first minute from wall on at which the schedule comes. Times on
// the wall are written as times in UTC, where every day has 24 hours: what a
// change of the clock does to them is the caller's.
func (s Schedule) next(wall time.Time) (time.Time, error) {
	if s.expr == "" {
		return time.Time{}, errNoSchedule
	}
	if minute := wall.Truncate(time.Minute); minute.Before(wall) {
		wall = minute.Add(time.Minute)
	}
	at, err := gronx.NextTickAfter(s.expr, wall, true)
	if err != nil {
		return time.Time{}, message.NewError("schedule.no-next", "schedule", s.expr, "at", wall.Format(time.DateTime), "err", err)
	}
	return at, nil
}

// last is the last minute until wall at which the schedule comes.
func (s Schedule) last(wall time.Time) (time.Time, error) {
	if s.expr == "" {
		return time.Time{}, errNoSchedule
	}
	at, err := gronx.PrevTickBefore(s.expr, wall.Truncate(time.Minute), true)
	if err != nil {
		return time.Time{}, message.NewError("schedule.no-previous", "schedule", s.expr, "at", wall.Format(time.DateTime), "err", err)
	}
	return at, nil
}
