package plan

import (
	"slices"

	"reconciler/internal/binding"
)

// Knows reports whether the round has a declaration, a record or an action of a
// binding.
func (r *Round) Knows(name string) bool {
	return r.Declaration(name) != nil ||
		slices.ContainsFunc(r.Records, func(rec binding.Record) bool { return rec.Binding == name && !rec.Removed }) ||
		slices.ContainsFunc(r.Plan.Actions, func(a Action) bool { return a.Binding == name })
}

// Platform is the platform of a binding, as it is declared or was applied; empty if
// neither is known.
func (r *Round) Platform(name string) binding.Platform {
	if d := r.Declaration(name); d != nil {
		return d.Spec.Platform
	}
	for _, rec := range r.Records {
		if rec.Binding == name {
			return rec.Platform
		}
	}
	return ""
}
