package apply

import (
	"context"
	"time"
)

// graceAfter returns a channel that is closed when grace has passed after the end of
// ctx, and a function that stops the wait for it. If grace is 0, the channel is
// never closed.
func graceAfter(ctx context.Context, grace time.Duration) (graceOver <-chan struct{}, done func()) {
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

// until returns a context that also ends when late is closed.
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
