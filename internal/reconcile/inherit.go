package reconcile

import (
	"maps"

	"reconciler/internal/observe"
)

// Inherit takes over what another reconciler of an instance of the same name
// has in memory, so that an exchange of the configuration is no restart: how
// long conditions hold, and, where same says that the instance and what it is
// asked through did not change, also what was seen last, the pauses after
// failures, and the answers of code hosts. The other one must no longer run
// and this one not yet.
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
	// This is no restart: what is to be delayed comes from the other one alone,
	// unless that did not recall yet what failed before the last one.
	r.recalled.Store(!same || other.recalled.Load())
	if !same {
		// A failure may have been due to what has changed.
		return
	}
	r.backoff.inherit(other.backoff)
	r.applier.Inherit(other.applier)
	observer, ok := r.observer.(*observe.Observer)
	if before, both := other.observer.(*observe.Observer); ok && both {
		observer.Inherit(before)
	}
}
