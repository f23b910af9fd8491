package reconcile

import (
	"sync"
	"time"
)

// LoopState says what a loop is at. A time is zero where there is none.
type LoopState struct {
	// Waiting is since when a sync that was asked for, by a snapshot or a
	// person, has not begun.
	Waiting time.Time
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
	if s.Running.IsZero() || !s.Waiting.IsZero() && s.Waiting.Before(s.Running) {
		return s.Waiting
	}
	return s.Running
}

// pulse holds a LoopState. It is safe for concurrent use.
type pulse struct {
	now func() time.Time

	mu    sync.Mutex
	state LoopState
}

// asked notes that a sync was asked for. What waits already waits since then.
func (p *pulse) asked() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state.Waiting.IsZero() {
		p.state.Waiting = p.now()
	}
	if p.state.Moved.IsZero() {
		p.state.Moved = p.state.Waiting
	}
}

// taken notes that whoever asked is served by the sync that begins next, and
// says how long they waited: nothing where nobody asked.
func (p *pulse) taken() (waited time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.Waiting.IsZero() {
		waited = p.now().Sub(p.state.Waiting)
	}
	p.state.Waiting = time.Time{}
	return waited
}

// begun notes that a sync begins.
func (p *pulse) begun() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.state.Running, p.state.Moved = now, now
}

// moved notes that a call began or ended. Those of a plan that somebody asks
// for, while no sync is under way, are none of the loop's.
func (p *pulse) moved() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.Running.IsZero() {
		p.state.Moved = p.now()
	}
}

// ended notes that a sync is over.
func (p *pulse) ended() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Running, p.state.Moved = time.Time{}, p.now()
}

func (p *pulse) read() LoopState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
