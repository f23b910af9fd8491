package reconcile

import (
	"time"
)

// After gives a channel that receives once a time has passed, and a function
// that releases it before. It goes with a clock: who passes another Now
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
