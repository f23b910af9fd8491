package reconcile

import (
	"maps"

	"reconciler/internal/observe"
)

// Inherit takes over what another reconciler of an instance with the same name has
// in memory, so that a change of the configuration is not a restart. It takes over
// the statuses and, if same is true, also the last round, the pauses after
// failures, and the answers of code hosts. same means that the instance and the
// clients for it did not change. The other reconciler must have stopped, and this
// one must not have started.
func (r *Reconciler) Inherit(other *Reconciler, same bool) {
	other.mu.Lock()
	statuses, last, changed, credentials, edition := maps.Clone(other.statuses), other.last, other.changed, other.credentials, other.edition
	unread := other.unread
	other.mu.Unlock()
	r.mu.Lock()
	r.statuses, r.unread = statuses, unread
	if same {
		r.last, r.changed, r.credentials, r.edition = last, changed, credentials, edition
	}
	r.mu.Unlock()
	// This is not a restart: pauses come only from the other reconciler, unless
	// that has not yet recalled what failed before the last restart.
	r.failuresRestored.Store(!same || other.failuresRestored.Load())
	if !same {
		// What has changed may have caused the failures.
		return
	}
	r.backoff.inherit(other.backoff)
	r.applier.Inherit(other.applier)
	observer, ok := r.observer.(*observe.Observer)
	if before, both := other.observer.(*observe.Observer); ok && both {
		observer.Inherit(before)
	}
}
