package binding

import "time"

// Pause is how long to wait before a retry after so many failures: first after
// one, twice as long after each more, and at most longest.
func Pause(first, longest time.Duration, failures int) time.Duration {
	pause := first
	for ; failures > 1 && pause < longest; failures-- {
		pause *= 2
	}
	return min(pause, longest)
}
