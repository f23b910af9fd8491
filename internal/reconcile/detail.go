package reconcile

import (
	"slices"
	"time"

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
	d.Status.Conditions, d.Status.Steps, d.Status.Waiting = slices.Clone(d.Status.Conditions), slices.Clone(d.Status.Steps), slices.Clone(d.Status.Waiting)
	d.Token = r.seen.obs.Tokens[name]
	for _, declared := range r.seen.desired.Of(r.o.Instance.Name) {
		if declared.Name == name {
			d.Declaration = &declared
		}
	}
	for _, s := range r.seen.suspensions {
		if s.Holds(name) {
			d.Suspensions = append(d.Suspensions, s)
		}
	}
	for _, a := range r.seen.plan.Actions {
		if a.Binding == name {
			d.Actions = append(d.Actions, a)
		}
	}
	return d, true
}

// LastPlan is a plan with when and of what it was made.
type LastPlan struct {
	Plan     plan.Plan
	Revision string
	Depth    binding.Depth
	// Made is when the look began.
	Made time.Time
}

// LastPlan gives the last plan; ok is false before the first.
func (r *Reconciler) LastPlan() (p LastPlan, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return LastPlan{Plan: r.seen.plan, Revision: r.seen.desired.Revision, Depth: r.seen.depth, Made: r.seen.at}, !r.seen.at.IsZero()
}
