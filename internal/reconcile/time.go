package reconcile

import (
	"time"
)

// After returns a channel that receives once a time has passed, and a function that
// releases it earlier. It belongs to a clock: if you pass a different Now, pass
// this too. The nil After uses the machine's clock.
type After func(time.Duration) (fired <-chan time.Time, stop func())

// Start begins a wait.
func (a After) Start(d time.Duration) (fired <-chan time.Time, stop func()) {
	if a != nil {
		return a(d)
	}
	timer := time.NewTimer(d)
	return timer.C, func() { timer.Stop() }
}
