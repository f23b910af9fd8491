package reconcile

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// startsPerProcessor is how many syncs compute at once for each processor.
	startsPerProcessor = 8
	// startHeld is how long a sync holds a place at most.
	startHeld = 25 * time.Millisecond
)

// Starts bounds how many loops compute at once. When thousands of instances start,
// each then has its turn at the processor, and they need memory one after the other. A
// sync that takes long, because something outside does, gives its place back before it
// ends: it delays no other for longer than that. When it has its answers it takes a
// place again, so that those that waited for the same host do not continue all at once.
type Starts struct{ places chan struct{} }

// NewStarts makes the places that loops share.
func NewStarts() *Starts {
	return &Starts{make(chan struct{}, startsPerProcessor*runtime.GOMAXPROCS(0))}
}

// place is that of one sync. Nil never waits.
type place struct {
	of    *Starts
	held  atomic.Bool
	timer *time.Timer
}

// begin waits for a place, or until ctx ends. Nil has a place for everybody.
func (s *Starts) begin(ctx context.Context) *place {
	if s == nil {
		return nil
	}
	p := &place{of: s}
	p.take(ctx)
	return p
}

// take waits for a place unless it is held, or until ctx ends.
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
