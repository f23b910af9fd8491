package binding

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file is the one place that decides whether to believe a time from outside, or
// from our own past. Clocks are set: ours may have been ahead when something was written, and
// another host's never agrees with ours.

// Past is a moment that is over, as far as it can be believed now. Nothing that
// has happened lies in the future: the clock that said so was ahead.
func Past(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// Term is a time that began at a moment of our own clock.
type Term struct{ Began, Ends time.Time }

// TermOf begins now and lasts for d.
func TermOf(now time.Time, d time.Duration) Term { return Term{now, now.Add(d)} }

// At is the term as it is now. A term that begins in the future begins now, and
// is as long as it was.
func (t Term) At(now time.Time) Term {
	if !t.Began.After(now) {
		return t
	}
	return TermOf(now, t.Ends.Sub(t.Began))
}

// Left is what is left of the term; zero or less if nothing is.
func (t Term) Left(now time.Time) time.Duration { return t.At(now).Ends.Sub(now) }

// Holds says that the term has begun and has not ended. What was measured by a
// clock that was ahead does not hold.
func (t Term) Holds(now time.Time) bool { return !t.Began.After(now) && now.Before(t.Ends) }

const (
	// ShortestPause is the least that an answer which asks for a pause makes us
	// wait, whatever it says: a host that limits us is not asked again at once.
	ShortestPause = time.Second
	// LongestPause bounds how long an answer makes us wait, so that a wrong one
	// does not stop us forever.
	LongestPause = time.Hour
)

// BoundPause is a pause that another side asked for, within both bounds.
func BoundPause(d time.Duration) time.Duration { return max(ShortestPause, min(d, LongestPause)) }

// AskedPause reads a Retry-After, in seconds or as a date, within both bounds;
// ok is false where it is neither. sent is the answer's own Date.
func AskedPause(retryAfter, sent string, now time.Time) (pause time.Duration, ok bool) {
	retryAfter = strings.TrimSpace(retryAfter)
	if seconds, err := strconv.ParseInt(retryAfter, 10, 64); err == nil && seconds >= 0 {
		return BoundPause(time.Duration(min(seconds, int64(LongestPause/time.Second))) * time.Second), true
	}
	if at, ok := HTTPTime(retryAfter); ok {
		return PauseUntil(at, sent, now), true
	}
	return 0, false
}

// PauseUntil is how long to wait for a moment that another host names, within
// both bounds. Where our clock makes no sense of it, the clock that the host
// sends with its answer (sent) decides.
func PauseUntil(at time.Time, sent string, now time.Time) time.Duration {
	left := at.Sub(now)
	if there, ok := HTTPTime(sent); ok && (left <= 0 || left > LongestPause) {
		left = at.Sub(there)
	}
	return BoundPause(left)
}

// HTTPTime reads a time in the three forms that HTTP knows.
func HTTPTime(text string) (time.Time, bool) {
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

const (
	// bindLasts is more than a bind takes, from its call to the registry's answer.
	bindLasts = 30 * time.Second
	// ClocksDiffer is by how much the registry's clock and ours may differ.
	ClocksDiffer = 5 * time.Second
)

// otherThan says that an account which is first seen at a time may not be the one
// that a write bound: until it was seen, somebody else could bind the same user, and
// the registry's time of it is not that of the write.
func (w Write) otherThan(a Account, at time.Time) bool {
	made := a.Created
	if made.IsZero() {
		made = at
	}
	return at.Sub(w.At).Abs() > ClocksDiffer && (made.Sub(w.At) > ClocksDiffer || w.At.Sub(made) > bindLasts)
}

// Ahead says that something happened in the future, by a clock that was ahead.
func (r Record) Ahead(now time.Time) bool {
	ahead := r.Refused.At.After(now)
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) { ahead = ahead || w.At.After(now) })
	return ahead
}

// AsOf is the record as it can be believed now: what is Ahead happened now. When an
// account without a number was bound is not known then, so nor is whether the one that
// will be shown is that one. It keeps r as it is.
func (r Record) AsOf(now time.Time) Record {
	r = r.withOwnImages()
	if r.AccountID == "" && r.Managed && !r.Mistimed && r.Written.At.Sub(now) > bindLasts {
		r, r.Mistimed = r.WithoutToken(), true
	}
	r.Refused.At = Past(r.Refused.At, now)
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) { w.At = Past(w.At, now) })
	return r
}

// Ahead says that something happened in the future, by a clock that was ahead.
func (i Intent) Ahead(now time.Time) bool {
	return i.Started.After(now) || i.Record.Ahead(now) || i.After.Ahead(now) || slices.ContainsFunc(i.Earlier, func(e Intent) bool { return e.Ahead(now) })
}

// AsOf is the intent as it can be believed now: what is Ahead happened now. When a bind
// was sent is not known then, so nor is whether an account that appears is its effect.
// It keeps i as it is.
func (i Intent) AsOf(now time.Time) Intent {
	i.Doubtful = i.Doubtful || i.Started.Sub(now) > bindLasts
	i.Started, i.Record, i.After = Past(i.Started, now), i.Record.AsOf(now), i.After.AsOf(now)
	i.Earlier = slices.Clone(i.Earlier)
	for n := range i.Earlier {
		i.Earlier[n] = i.Earlier[n].AsOf(now)
	}
	return i
}
