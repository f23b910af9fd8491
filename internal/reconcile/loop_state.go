package reconcile

import (
	"sync"
	"time"
)

// LoopState says what a loop is at. A time is zero where there is none.
type LoopState struct {
	// Asked is since when a sync that was asked for, by a snapshot or a
	// person, has not begun.
	Asked time.Time
	// Running is since when a sync has been under way.
	Running time.Time
	// Moved is when a sync, or a call in one, last began or ended. Until the
	// first sync it is when the first snapshot came; before that the loop has
	// nothing to do.
	Moved time.Time
}

// Oldest is since when the oldest work has not been done; zero if there is
// none.
func (s LoopState) Oldest() time.Time {
	if s.Running.IsZero() || !s.Asked.IsZero() && s.Asked.Before(s.Running) {
		return s.Asked
	}
	return s.Running
}

// activity holds a LoopState. It is safe for concurrent use.
type activity struct {
	now func() time.Time

	mu    sync.Mutex
	state LoopState
}

// asked notes that a sync was asked for. What waits already waits since then.
func (a *activity) asked() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.state.Asked.IsZero() {
		a.state.Asked = a.now()
	}
	if a.state.Moved.IsZero() {
		a.state.Moved = a.state.Asked
	}
}

// taken notes that whoever asked is served by the sync that begins next, and
// says how long they waited: nothing where nobody asked.
func (a *activity) taken() (waited time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.state.Asked.IsZero() {
		waited = a.now().Sub(a.state.Asked)
	}
	a.state.Asked = time.Time{}
	return waited
}

// begun notes that a sync begins.
func (a *activity) begun() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.state.Running, a.state.Moved = now, now
}

// moved notes that a call began or ended. Those of a plan that somebody asks
// for, while no sync is under way, are none of the loop's.
func (a *activity) moved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.state.Running.IsZero() {
		a.state.Moved = a.now()
	}
}

// ended notes that a sync is over.
func (a *activity) ended() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state.Running, a.state.Moved = time.Time{}, a.now()
}

func (a *activity) read() LoopState {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.state
}
