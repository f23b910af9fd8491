package plan

import (
	"fmt"
	"strings"
	"time"

	"reconciler/internal/message"
)

const (
	// MinWindow is the shortest length of a window.
	MinWindow = time.Minute
	// MaxWindow is the longest length of a window.
	MaxWindow = 31 * 24 * time.Hour
	// windowHorizon is how far ahead the next opening is searched: past a leap day.
	windowHorizon = 5 * 366 * 24 * time.Hour
	// windowSteps limits the work of the search, whatever the schedules are.
	windowSteps = 4_000
)

// Window is a recurring span of time. It begins whenever its schedule matches the
// local time of its zone, and then lasts for its length, even if the local clock
// changes meanwhile. If the clock skips the time of a beginning, the window begins
// when the clock changes; if the clock shows that time twice, it begins twice.
type Window struct {
	Schedule Schedule
	Zone     *time.Location
	Length   time.Duration
}

// Check returns an error if the window cannot be evaluated.
func (w Window) Check() error {
	switch {
	case w.Schedule == Schedule{}:
		return errNoSchedule
	case w.Zone == nil:
		return message.NewError("window.no-zone")
	case w.Length < MinWindow || w.Length > MaxWindow:
		return message.NewError("window.length", "is", w.Length, "least", MinWindow, "most", MaxWindow)
	}
	return nil
}

// String names the window for a person.
func (w Window) String() string {
	return fmt.Sprintf("%q for %s (%s)", w.Schedule, brief(w.Length), w.Zone)
}

// brief is a length without its zero minutes and seconds.
func brief(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Windows say when an instance may be changed: while a window of Allow is open, or
// at any time if Allow is empty, but never while a window of Deny is open. The zero
// Windows allow changes at any time.
type Windows struct {
	Allow, Deny []Window
	// LetRepairsThrough allows an action that restores what was removed at any time
	// (see Action.NeedsWindow).
	LetRepairsThrough bool
}

// WindowState says whether an instance may be changed at a time.
type WindowState struct {
	Open bool
	// Until is when Open changes next, in the zone of the window that causes it;
	// zero if it does not change in the next five years, or that is unknown.
	Until time.Time
	// Why is a short reason for Open.
	Why message.Message
}

// When is Until as a message: in UTC and in the zone of the window.
func (s WindowState) When() message.Message {
	zone := s.Until.Location()
	switch {
	case s.Until.IsZero():
		return message.New("window.never")
	case zone == time.UTC:
		return message.New("window.at", "at", s.Until)
	}
	return message.New("window.at-in-zone", "at", s.Until.UTC(), "local", s.Until.Format("Mon 2006-01-02 15:04"), "zone", zone)
}

// Always reports whether there are no windows, so that the instance may be changed
// at any time.
func (w Windows) Always() bool { return len(w.Allow) == 0 && len(w.Deny) == 0 }

// OpensEver reports whether the windows are open at any time in the years 2024 to
// 2028. These include leap years, and the period is fixed so that the answer does
// not depend on the current time.
func (w Windows) OpensEver() bool {
	state := w.At(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
	return state.Open || !state.Until.IsZero()
}

// Open reports whether the instance may be changed at t. Windows that cannot be
// evaluated are closed.
func (w Windows) Open(t time.Time) bool {
	open, _, err := w.open(t)
	return open && err == nil
}

// At returns whether the instance may be changed at t, why, and until when. Windows
// that cannot be evaluated are closed.
func (w Windows) At(t time.Time) WindowState {
	open, why, err := w.open(t)
	if err != nil {
		return WindowState{Why: message.New("window.unknown", "err", err)}
	}
	state := WindowState{Open: open, Why: why}
	search := search{limit: t.Add(windowHorizon), steps: windowSteps}
	if open {
		state.Until, err = w.closes(t, &search)
	} else {
		state.Until, err = w.opens(t, &search)
	}
	if err != nil {
		// Open is known nevertheless.
		state.Until = time.Time{}
	}
	return state
}

func (w Windows) open(t time.Time) (open bool, why message.Message, err error) {
	for _, d := range w.Deny {
		switch end, err := d.covers(t); {
		case err != nil:
			return false, message.Message{}, err
		case !end.IsZero():
			return false, message.New("window.denied", "window", d), nil
		}
	}
	if len(w.Allow) == 0 {
		return true, message.New("window.none-closed"), nil
	}
	for _, a := range w.Allow {
		switch end, err := a.covers(t); {
		case err != nil:
			return false, message.Message{}, err
		case !end.IsZero() && !open:
			open, why = true, message.New("window.allowed", "window", a)
		}
	}
	if !open {
		why = message.New("window.none-open")
	}
	return open, why, nil
}

// opens is the first moment after t at which the windows are open; they are closed
// at t.
func (w Windows) opens(t time.Time, s *search) (time.Time, error) {
	for at := t; s.advance(at); {
		begin, err := first(w.Allow, at, s)
		if err != nil || begin.IsZero() {
			return time.Time{}, err
		}
		end, err := through(w.Deny, begin, s)
		switch {
		case err != nil || s.steps == 0:
			return time.Time{}, err
		case end.Equal(begin):
			return begin, nil
		}
		at = end
	}
	return time.Time{}, nil
}

// closes is the first moment after t at which the windows are closed; they are open
// at t.
func (w Windows) closes(t time.Time, s *search) (time.Time, error) {
	var denied time.Time
	for _, d := range w.Deny {
		begin, err := d.next(t, s.limit)
		if err != nil {
			return time.Time{}, err
		}
		if !begin.IsZero() && (denied.IsZero() || begin.Before(denied)) {
			denied = begin
		}
	}
	if !denied.IsZero() {
		s.limit = denied
	}
	if len(w.Allow) == 0 {
		return denied, nil
	}
	end, err := through(w.Allow, t, s)
	switch {
	case err != nil || s.steps == 0:
		return time.Time{}, err
	case !end.Before(s.limit):
		return denied, nil
	}
	return end, nil
}

// search limits a search in time and in work.
type search struct {
	limit time.Time
	steps int
}

func (s *search) advance(at time.Time) bool {
	if s.steps == 0 {
		return false
	}
	s.steps--
	return at.Before(s.limit)
}

// first is the first moment at t or later that one of the windows covers; t itself
// if there are no windows, and zero if there is no such moment.
func first(windows []Window, t time.Time, s *search) (time.Time, error) {
	if len(windows) == 0 {
		return t, nil
	}
	var found time.Time
	for _, w := range windows {
		if end, err := w.covers(t); err != nil || !end.IsZero() {
			return t.In(w.Zone), err
		}
		begin, err := w.next(t, s.limit)
		if err != nil {
			return time.Time{}, err
		}
		if !begin.IsZero() && (found.IsZero() || begin.Before(found)) {
			found = begin
		}
	}
	return found, nil
}

// through is the end of the time that the windows cover from t without a gap; t
// itself if none covers it.
func through(windows []Window, t time.Time, s *search) (time.Time, error) {
	for moved := true; moved && s.advance(t); {
		moved = false
		for _, w := range windows {
			end, err := w.covers(t)
			if err != nil {
				return t, err
			}
			if end.After(t) {
				t, moved = end, true
			}
		}
	}
	return t, nil
}

// covers returns the end of the span that t is in, the latest one if several
// overlap; zero if t is in none.
func (w Window) covers(t time.Time) (time.Time, error) {
	if err := w.Check(); err != nil {
		return time.Time{}, err
	}
	begin, err := w.last(t)
	if err != nil || begin.IsZero() {
		return time.Time{}, err
	}
	return begin.Add(w.Length), nil
}

// last is the latest beginning of a span that t is in; zero if there is none. It
// goes back from one change of the zone's clock to the previous one, because local
// time and UTC differ by a constant between two changes.
func (w Window) last(t time.Time) (time.Time, error) {
	for earliest := t.Add(-w.Length); t.After(earliest); {
		t = t.In(w.Zone)
		since, _ := t.ZoneBounds()
		wall, err := w.Schedule.last(wallClock(t, t))
		if err != nil {
			return time.Time{}, err
		}
		begin := wall.Add(-offset(t))
		if !since.IsZero() && begin.Before(since) {
			before := since.Add(-time.Nanosecond).In(w.Zone)
			if wall.Before(wallClock(since, before)) {
				t = before
				continue
			}
			begin = since // The clock skipped it.
		}
		if begin.After(earliest) {
			return begin.In(w.Zone), nil
		}
		return time.Time{}, nil
	}
	return time.Time{}, nil
}

// next is the first beginning of a span at t or later; zero if none is before
// limit.
func (w Window) next(t, limit time.Time) (time.Time, error) {
	if err := w.Check(); err != nil {
		return time.Time{}, err
	}
	for t.Before(limit) {
		t = t.In(w.Zone)
		_, until := t.ZoneBounds()
		wall, err := w.Schedule.next(wallClock(t, t))
		if err != nil {
			return time.Time{}, err
		}
		begin := wall.Add(-offset(t))
		if !until.IsZero() && !begin.Before(until) {
			if !wall.Before(wallClock(until, until.In(w.Zone))) {
				t = until
				continue
			}
			begin = until // The clock skips it.
		}
		if begin.Before(limit) {
			return begin.In(w.Zone), nil
		}
		return time.Time{}, nil
	}
	return time.Time{}, nil
}

// wallClock is the local time at t, with the zone offset that applies at as. The
// result is written as a time in UTC.
func wallClock(t, as time.Time) time.Time { return t.UTC().Add(offset(as)) }

func offset(t time.Time) time.Duration {
	_, seconds := t.Zone()
	return time.Duration(seconds) * time.Second
}
