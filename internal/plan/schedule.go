package plan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"

	"reconciler/internal/message"
)

// Schedule says when a window begins: a cron expression with five fields, in local
// time. The zero Schedule cannot be evaluated.
type Schedule struct{ expr string }

// errNoSchedule is the error of the zero Schedule.
var errNoSchedule = message.NewError("schedule.none")

// scheduleField describes the valid values of one field of a cron expression.
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

// ParseSchedule reads a cron expression: minute, hour, day of the month, month, day
// of the week. A field is *, a number, a range (1-5), * or a range with a step
// (*/15, 8-18/2), or several of these with commas. Months and days of the week may
// be names (JAN, MON), and Sunday is 0 or 7. If both day fields are restricted, one
// of them has to match; if one of them begins with *, both have to match. All of
// this is as in cron. Additions of other tools (seconds, years, @daily, L, W, #)
// are errors that name the field.
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

// check returns an error if text is not a valid value of the field.
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

// number reports whether text is a plain number from least to the field's maximum.
func (f scheduleField) number(text string, least int) bool {
	n, err := strconv.ParseUint(text, 10, 8)
	return err == nil && len(text) <= 2 && int(n) >= least && int(n) <= f.max
}

// String returns the expression.
func (s Schedule) String() string { return s.expr }

// next is the first minute at wall or later that the schedule matches. Local times
// are passed as times in UTC, where every day has 24 hours. The caller handles
// daylight saving and other changes of the local clock.
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

// last is the last minute at wall or earlier that the schedule matches.
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
