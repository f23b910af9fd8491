package reconcile

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// startsPerProcessor is how many syncs compute at the same time for each
	// processor.
	startsPerProcessor = 8
	// startHeld is the longest time for which a sync keeps a place.
	startHeld = 25 * time.Millisecond
)

// Starts limits how many loops compute at the same time. When thousands of
// instances start, they take turns at the processor, and need memory one after the
// other. A sync that takes long, because something that it asks does, gives its
// place back after startHeld, so that it delays the others no longer than that.
// When it has its answers, it takes a place again, so that syncs that waited for
// the same host do not all continue at the same time.
type Starts struct{ places chan struct{} }

// NewStarts makes the places that loops share.
func NewStarts() *Starts {
	return &Starts{make(chan struct{}, startsPerProcessor*runtime.GOMAXPROCS(0))}
}

// place is the place of one sync. A nil place never waits.
type place struct {
	of    *Starts
	held  atomic.Bool
	timer *time.Timer
}

// begin waits for a place, or until ctx ends. A nil Starts has no limit.
func (s *Starts) begin(ctx context.Context) *place {
	if s == nil {
		return nil
	}
	p := &place{of: s}
	p.take(ctx)
	return p
}

// take waits for a place, unless p has one, or until ctx ends.
func (p *place) take(ctx context.Context) {
	if p == nil || p.held.Load() {
		return
	}
	select {
	case p.of.places <- struct{}{}:
		p.held.Store(true)
		p.timer = time.AfterFunc(startHeld, p.giveBack)
	case <-ctx.Done():
	}
}

func (p *place) giveBack() {
	if p.held.CompareAndSwap(true, false) {
		<-p.of.places
	}
}

// end gives the place back for good.
func (p *place) end() {
	if p == nil {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.giveBack()
}
