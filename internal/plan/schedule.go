package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/adhocore/gronx"
)

// Schedule says when a window begins: a cron expression of five fields, read
// by the clock on the wall. The zero Schedule is none and can not be evaluated.
type Schedule struct{ expr string }

// errNoSchedule is what comes of the zero Schedule.
var errNoSchedule = errors.New("there is no schedule")

// scheduleField is what one field of a cron expression may hold.
type scheduleField struct {
	name     string
	min, max int
	// words stand for numbers, counted from min.
	words []string
}

func scheduleFields() []scheduleField {
	return []scheduleField{
		{name: "minute", max: 59},
		{name: "hour", max: 23},
		{name: "day of the month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, words: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
		{name: "day of the week", max: 7, words: strings.Fields("SUN MON TUE WED THU FRI SAT")},
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
		return Schedule{}, fmt.Errorf("it has %d fields, not 5 (minute, hour, day of the month, month, day of the week)", len(texts))
	}
	for i, f := range fields {
		if err := f.check(texts[i]); err != nil {
			return Schedule{}, err
		}
	}
	return Schedule{strings.Join(texts, " ")}, nil
}

// check is an error where text is no value of the field.
func (f scheduleField) check(text string) error {
	if text == "*" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(item, "/")
		if stepped && !f.number(step, 1) {
			return fmt.Errorf("%s %q: a step is a number from 1 to %d", f.name, item, f.max)
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
			return fmt.Errorf("%s %q: it is * alone, or made of numbers from %d to %d%s", f.name, item, f.min, f.max, f.orWords())
		case from > to:
			return fmt.Errorf("%s %q: the range ends before it begins", f.name, item)
		case stepped && !ranged:
			return fmt.Errorf("%s %q: a step follows * or a range", f.name, item)
		}
	}
	return nil
}

func (f scheduleField) orWords() string {
	if len(f.words) == 0 {
		return ""
	}
	return " or names from " + f.words[0] + " to " + f.words[len(f.words)-1]
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
		return time.Time{}, fmt.Errorf("schedule %q: no time after %s is found: %w", s.expr, wall.Format(time.DateTime), err)
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
		return time.Time{}, fmt.Errorf("schedule %q: no time before %s is found: %w", s.expr, wall.Format(time.DateTime), err)
	}
	return at, nil
}
