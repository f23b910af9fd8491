package binding

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Only this file decides whether to trust a time from another host or one that we
// wrote earlier. Clocks are adjusted: ours may have been ahead when something was
// written. Another host's clock never agrees exactly with ours.

// Past returns at, or now if at is later. Nothing that has happened can be in the
// future: the clock that recorded it was ahead.
func Past(at, now time.Time) time.Time {
	if at.After(now) {
		return now
	}
	return at
}

// Term is a time that began at a moment of our own clock.
type Term struct{ Began, Ends time.Time }

// TermOf returns a term that begins now and lasts for d.
func TermOf(now time.Time, d time.Duration) Term { return Term{now, now.Add(d)} }

// At returns the term as it applies now. A term that begins in the future begins
// now instead and keeps its length.
func (t Term) At(now time.Time) Term {
	if !t.Began.After(now) {
		return t
	}
	return TermOf(now, t.Ends.Sub(t.Began))
}

// Remaining is the time left of the term; zero or less if it has ended.
func (t Term) Remaining(now time.Time) time.Duration { return t.At(now).Ends.Sub(now) }

// Holds reports whether the term has begun and has not ended. A term that begins in
// the future was recorded by a clock that was ahead, so Holds is false for it.
func (t Term) Holds(now time.Time) bool { return !t.Began.After(now) && now.Before(t.Ends) }

const (
	// ShortestPause is the shortest wait after an answer that asks for a pause,
	// however short: a host that limits us is not asked again at once.
	ShortestPause = time.Second
	// LongestPause bounds how long an answer makes us wait, so that a wrong one
	// does not stop us forever.
	LongestPause = time.Hour
)

// BoundPause limits a pause that the other side asked for to both bounds.
func BoundPause(d time.Duration) time.Duration { return max(ShortestPause, min(d, LongestPause)) }

// AskedPause reads a Retry-After header, in seconds or as a date, and applies both
// bounds. ok is false if it is neither. sent is the Date header of the same answer.
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

// PauseUntil returns how long to wait until a time that another host names, within
// both bounds. If that time is past or too far away by our clock, the host's own
// clock (sent) decides.
func PauseUntil(at time.Time, sent string, now time.Time) time.Duration {
	left := at.Sub(now)
	if there, ok := HTTPTime(sent); ok && (left <= 0 || left > LongestPause) {
		left = at.Sub(there)
	}
	return BoundPause(left)
}

// HTTPTime reads a time in one of HTTP's three formats.
func HTTPTime(text string) (time.Time, bool) {
	for _, layout := range []string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

const (
	// bindLasts is longer than a bind takes, from the call to the registry's
	// answer.
	bindLasts = 30 * time.Second
	// ClocksDiffer is by how much the registry's clock and ours may differ.
	ClocksDiffer = 5 * time.Second
)

// otherThan reports whether an account that is first seen at a time may be a
// different one than the write bound. It may be if it was not seen right after the
// write, and its creation time does not fit the write either: meanwhile, somebody
// else could bind the same user.
func (w Write) otherThan(a Account, at time.Time) bool {
	made := a.Created
	if made.IsZero() {
		made = at
	}
	return at.Sub(w.At).Abs() > ClocksDiffer && (made.Sub(w.At) > ClocksDiffer || w.At.Sub(made) > bindLasts)
}

// InFuture reports whether something happened in the future, by a clock that was
// ahead.
func (r Record) InFuture(now time.Time) bool {
	ahead := r.Refused.At.After(now)
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) { ahead = ahead || w.At.After(now) })
	return ahead
}

// AsOf returns the record with every time in the future replaced by now. If that is
// the time of the bind, and the account has no number yet, then it is unknown when
// the account was bound. So it is also unknown whether the account that a read will
// show is that one. r is not changed.
func (r Record) AsOf(now time.Time) Record {
	r = r.withOwnImages()
	if r.AccountID == "" && r.Managed && !r.Mistimed && r.Written.At.Sub(now) > bindLasts {
		r, r.Mistimed = r.WithoutToken(), true
	}
	r.Refused.At = Past(r.Refused.At, now)
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) { w.At = Past(w.At, now) })
	return r
}

// InFuture reports whether something happened in the future, by a clock that was
// ahead.
func (i Intent) InFuture(now time.Time) bool {
	return i.Started.After(now) || i.Record.InFuture(now) || i.After.InFuture(now) || slices.ContainsFunc(i.Earlier, func(e Intent) bool { return e.InFuture(now) })
}

// AsOf returns the intent with every time in the future replaced by now. If that is
// the time of the call, then it is unknown when a bind was sent. So it is also
// unknown whether an account that appears is its effect. i is not changed.
func (i Intent) AsOf(now time.Time) Intent {
	i.Doubtful = i.Doubtful || i.Started.Sub(now) > bindLasts
	i.Started, i.Record, i.After = Past(i.Started, now), i.Record.AsOf(now), i.After.AsOf(now)
	i.Earlier = slices.Clone(i.Earlier)
	for n := range i.Earlier {
		i.Earlier[n] = i.Earlier[n].AsOf(now)
	}
	return i
}
