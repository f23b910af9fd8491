package reconcile

import (
	"maps"
	"slices"

	"reconciler/internal/binding"
)

// Statuses are what is known of every binding of the instance since the last
// apply, sorted by name. They live in memory: after a restart the first sync
// makes them anew.
func (r *Reconciler) Statuses() []binding.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]binding.Status, 0, len(r.statuses))
	for _, name := range slices.Sorted(maps.Keys(r.statuses)) {
		s := r.statuses[name]
		s.Conditions, s.Steps, s.Pending = slices.Clone(s.Conditions), slices.Clone(s.Steps), slices.Clone(s.Pending)
		all = append(all, s)
	}
	return all
}
