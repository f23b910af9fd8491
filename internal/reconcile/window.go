package reconcile

import (
	"time"

	"reconciler/internal/plan"
)

// Window says whether the instance may be changed now, why, and until when;
// always is where it has no windows.
func (r *Reconciler) Window() (state plan.WindowState, always bool) {
	return r.o.Windows.At(r.o.Now()), r.o.Windows.Always()
}

// windowChange is how long from now until the windows open or close for the
// first time after since; 0 where they did already, and limit where they do not
// before.
func (r *Reconciler) windowChange(since time.Time, limit time.Duration) time.Duration {
	if r.o.Windows.Always() {
		return limit
	}
	until := r.o.Windows.At(since).Until
	if until.IsZero() {
		return limit
	}
	// Not a moment before it, or the run would find it as it was.
	return min(limit, max(0, until.Sub(r.o.Now()))+time.Millisecond)
}
