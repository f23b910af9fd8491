package reconcile

import (
	"context"
	"time"
)

// After gives a channel that receives once a time has passed, and a function
// that lets go of it before. It goes with a clock: who passes another Now
// passes this too. The nil After goes by the machine's time.
type After func(time.Duration) (fired <-chan time.Time, stop func())

// Start begins a wait.
func (a After) Start(d time.Duration) (fired <-chan time.Time, stop func()) {
	if a != nil {
		return a(d)
	}
	timer := time.NewTimer(d)
	return timer.C, func() { timer.Stop() }
}

// lateAfter gives a channel that is closed grace after ctx has ended, and a
// function that ends the wait for it. Without a grace it is never closed.
func lateAfter(ctx context.Context, grace time.Duration) (late <-chan struct{}, done func()) {
	if grace <= 0 {
		return nil, func() {}
	}
	closed, over := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			close(closed)
		case <-over:
		}
	})
	return closed, func() {
		stop()
		close(over)
	}
}

// until is a context that ends when late is closed, too.
func until(ctx context.Context, late <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-late:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
