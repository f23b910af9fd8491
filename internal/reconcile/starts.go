package reconcile

import (
	"context"
	"runtime"
	"sync"
	"time"
)

const (
	// startsPerProcessor is how many syncs begin at once for each processor.
	startsPerProcessor = 8
	// startHeld is how long a sync holds a place at most.
	startHeld = 100 * time.Millisecond
)

// Starts bounds how many loops begin a sync at once. When thousands of instances
// start, each then has its turn at the processor, and they need memory one after
// the other. A sync that takes long, because something outside does, gives its
// place back before it ends: it delays no other for longer than that.
type Starts struct{ places chan struct{} }

// NewStarts makes the places that loops share.
func NewStarts() *Starts {
	return &Starts{make(chan struct{}, startsPerProcessor*runtime.GOMAXPROCS(0))}
}

// begin waits for a place, or until ctx ends; done gives it back. Nil has a place
// for everybody.
func (s *Starts) begin(ctx context.Context) (done func()) {
	if s == nil {
		return func() {}
	}
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return func() {}
	}
	release := sync.OnceFunc(func() { <-s.places })
	timer := time.AfterFunc(startHeld, release)
	return func() {
		timer.Stop()
		release()
	}
}
