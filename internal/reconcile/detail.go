package reconcile

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// Detail is all that is known of one binding, for a person. It holds no secret.
type Detail struct {
	Status binding.Status
	// Declaration is nil where it is not declared.
	Declaration *binding.Declaration
	// Token is what was seen of its token; the zero TokenState where nobody was
	// asked.
	Token binding.TokenState
	// Suspensions are what persons hold still of it.
	Suspensions []binding.Suspension
	// Actions are the last plan's.
	Actions []plan.Action
}

// Detail gives all that is known of a binding; ok is false where none of that
// name is.
func (r *Reconciler) Detail(name string) (d Detail, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Status, ok = r.statuses[name]; !ok {
		return d, false
	}
	d.Status.Conditions, d.Status.Steps, d.Status.Pending = slices.Clone(d.Status.Conditions), slices.Clone(d.Status.Steps), slices.Clone(d.Status.Pending)
	if r.last == nil {
		return d, true
	}
	d.Token, d.Declaration = r.last.Observation.Tokens[name], r.last.Declaration(name)
	for _, s := range r.last.Suspensions {
		if s.Holds(name) {
			d.Suspensions = append(d.Suspensions, s)
		}
	}
	for _, a := range r.last.Plan.Actions {
		if a.Binding == name {
			d.Actions = append(d.Actions, a)
		}
	}
	return d, true
}
