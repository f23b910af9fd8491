package apply

import (
	"context"
	"time"
)

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
