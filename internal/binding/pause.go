package binding

import (
	"context"
	"time"
)

// Pause is how long to wait before a retry after so many failures: first after
// one, twice as long after each more, and at most longest.
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
