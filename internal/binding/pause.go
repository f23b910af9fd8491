package binding

import (
	"context"
	"time"
)

// Pause returns how long to wait before the next retry: first after one failure,
// twice as long after each further one, and at most longest.
func Pause(first, longest time.Duration, failures int) time.Duration {
	pause := first
	for ; failures > 1 && pause < longest; failures-- {
		pause *= 2
	}
	return min(pause, longest)
}

// Sleep waits for d, or until ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
