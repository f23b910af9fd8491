package reconcile

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	// slotsPerProcessor is how many syncs compute at the same time for each
	// processor.
	slotsPerProcessor = 8
	// slotHeld is the longest time for which a sync keeps a slot.
	slotHeld = 25 * time.Millisecond
)

// Slots limits how many loops compute at the same time. When thousands of
// instances start, they take turns at the processor, and need memory one after the
// other. A sync that takes long, because something that it asks does, gives its
// slot back after slotHeld, so that it delays the others no longer than that.
// When it has its answers, it takes a slot again, so that syncs that waited for
// the same host do not all continue at the same time.
type Slots struct{ free chan struct{} }

// NewSlots makes the slots that loops share.
func NewSlots() *Slots {
	return &Slots{make(chan struct{}, slotsPerProcessor*runtime.GOMAXPROCS(0))}
}

// slot is the slot of one sync. A nil slot never waits.
type slot struct {
	of    *Slots
	held  atomic.Bool
	timer *time.Timer
}

// begin waits for a slot, or until ctx ends. A nil Slots has no limit.
func (s *Slots) begin(ctx context.Context) *slot {
	if s == nil {
		return nil
	}
	p := &slot{of: s}
	p.take(ctx)
	return p
}

// take waits for a slot, unless p has one, or until ctx ends.
func (p *slot) take(ctx context.Context) {
	if p == nil || p.held.Load() {
		return
	}
	select {
	case p.of.free <- struct{}{}:
		p.held.Store(true)
		p.timer = time.AfterFunc(slotHeld, p.release)
	case <-ctx.Done():
	}
}

func (p *slot) release() {
	if p.held.CompareAndSwap(true, false) {
		<-p.of.free
	}
}

// end gives the slot back for good.
func (p *slot) end() {
	if p == nil {
		return
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.release()
}
