package reconcile

import (
	"time"

	"reconciler/internal/plan"
)

// Window returns whether the instance may be changed now, why, and until when;
// always is true if it has no windows.
func (r *Reconciler) Window() (state plan.WindowState, always bool) {
	return r.o.Windows.At(r.o.Now()), r.o.Windows.Always()
}

// windowChange is how long it takes from now until the windows open or close for
// the first time after since. It is about 0 if they already did, and limit if they
// do so later.
func (r *Reconciler) windowChange(since time.Time, limit time.Duration) time.Duration {
	if r.o.Windows.Always() {
		return limit
	}
	until := r.o.Windows.At(since).Until
	if until.IsZero() {
		return limit
	}
	// Not before it: the sync would find the windows unchanged.
	return min(limit, max(0, until.Sub(r.o.Now()))+time.Millisecond)
}
