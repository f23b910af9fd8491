package reconcile

import (
	"sync"
	"time"
)

// LoopState is what a loop is doing. A time is zero if there is none.
type LoopState struct {
	// Asked is when a snapshot or a person asked for a sync that has not begun yet.
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

// asked notes that a sync was asked for. If one is waiting already, its time stays.
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

// taken notes that the next sync does what was asked for, and returns how long that
// has waited; zero if nothing was asked for.
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

// moved notes that a call began or ended. Calls while no sync is under way do not
// count: they belong to a plan that somebody asked for.
func (a *activity) moved() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.state.Running.IsZero() {
		a.state.Moved = a.now()
	}
}

// ended notes that a sync has ended.
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
