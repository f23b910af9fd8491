package plan

import (
	"slices"

	"reconciler/internal/binding"
)

// Knows says whether the round has anything of a binding: a declaration, a
// record or an action.
func (r *Round) Knows(name string) bool {
	return r.Declaration(name) != nil ||
		slices.ContainsFunc(r.Records, func(rec binding.Record) bool { return rec.Binding == name && !rec.Removed }) ||
		slices.ContainsFunc(r.Plan.Actions, func(a Action) bool { return a.Binding == name })
}

// Platform is the platform of a binding, as it is declared or was applied;
// empty where neither is known.
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
