package plan

import (
	"slices"
	"time"

	"reconciler/internal/binding"
)

// Round is one sync of one instance: what is desired, observed and remembered,
// and the plan made of it. NewRound makes it, and nothing changes it after
// that; one observation may serve several rounds.
type Round struct {
	Input
	// Revision is the snapshot's.
	Revision string
	// BreakGlass lets this round change the instance outside of its windows.
	BreakGlass []BreakGlass
	// Depth is how far the observation went, and Observed when it began.
	Depth    binding.Depth
	Observed time.Time
	// Retries are the failures that are remembered, by binding; that of the
	// whole instance has no name.
	Retries map[string]binding.Failed
	Plan    Plan
}

// NewRound makes the plan of a round that has everything else.
func NewRound(r Round) *Round {
	r.Plan = Make(r.Input)
	return &r
}

// For returns the round of another snapshot that asks the same of the instance (see
// Desired.SameFor).
func (r *Round) For(d Desired) *Round {
	other := *r
	other.Revision, other.Declarations, other.Declared = d.Revision, d.Of(r.Instance.Name), d.SecretTargets()
	other.Plan.Actions = slices.Clone(r.Plan.Actions)
	for i := range other.Plan.Actions {
		if target := &other.Plan.Actions[i].Target; target.Declaration != nil {
			target.Declaration = other.Declaration(target.Declaration.Name)
		}
	}
	return &other
}

// Declaration returns the declaration of that name; nil where there is none.
func (r *Round) Declaration(name string) *binding.Declaration {
	for i := range r.Declarations {
		if r.Declarations[i].Name == name {
			return &r.Declarations[i]
		}
	}
	return nil
}

// SuspensionEnd is when the first suspension ends after a time; zero where none
// does.
func (r *Round) SuspensionEnd(at time.Time) time.Time {
	var first time.Time
	sooner := func(end time.Time) {
		if end.After(at) && (first.IsZero() || end.Before(first)) {
			first = end
		}
	}
	for _, s := range r.Suspensions {
		sooner(s.Until)
	}
	for _, d := range r.Declarations {
		if d.Spec.Suspend != nil {
			sooner(d.Spec.Suspend.End())
		}
	}
	return first
}
