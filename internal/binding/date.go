package binding

import (
	"time"

	"reconciler/internal/message"
)

// Date is a calendar day in UTC. The zero Date stands for no day.
type Date struct{ t time.Time }

// ParseDate reads a day written as 2006-01-02.
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, message.NewError("format.date", "date", s)
	}
	return Date{t}, nil
}

// DateOf is the day of t in UTC.
func DateOf(t time.Time) Date {
	y, m, d := t.UTC().Date()
	return Date{time.Date(y, m, d, 0, 0, 0, 0, time.UTC)}
}

// Time is the first instant of the day in UTC.
func (d Date) Time() time.Time { return d.t }

// End is the last instant of the day in UTC, to the second: something that is valid
// until a day is valid for all of that day. It is zero for the zero Date.
func (d Date) End() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return d.t.AddDate(0, 0, 1).Add(-time.Second)
}

// DaysFrom is the number of days from the day of t to d, in UTC.
func (d Date) DaysFrom(t time.Time) int {
	return int(d.t.Sub(DateOf(t).t) / (24 * time.Hour))
}

// IsZero reports whether there is no day.
func (d Date) IsZero() bool { return d.t.IsZero() }

// String is the day as 2006-01-02, or nothing for the zero Date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.t.Format(time.DateOnly)
}

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(b))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}
