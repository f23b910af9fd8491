package plan

import (
	"slices"
	"time"

	"reconciler/internal/binding"
)

// Round is one sync of one instance: what is desired, observed and remembered, and
// the plan made from it. NewRound makes it, and nothing changes it afterwards.
// Several rounds may share one observation.
type Round struct {
	Input
	// Revision is the revision of the snapshot.
	Revision string
	// BreakGlass lets this round change the instance outside of its windows.
	BreakGlass []BreakGlass
	// Depth is how far the observation went, and Observed when it began.
	Depth    binding.Depth
	Observed time.Time
	// Retries are the remembered failures by binding. The failure of the whole
	// instance is under the empty name.
	Retries map[string]binding.Failed
	Plan    Plan
}

// NewRound returns a round with its plan, made from everything else in r.
func NewRound(r Round) *Round {
	r.Plan = Make(r.Input)
	return &r
}

// For returns the round for a different snapshot that asks the same of the instance
// (see Desired.SameFor).
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

// Declaration returns the declaration with a name; nil if there is none.
func (r *Round) Declaration(name string) *binding.Declaration {
	for i := range r.Declarations {
		if r.Declarations[i].Name == name {
			return &r.Declarations[i]
		}
	}
	return nil
}

// SuspensionEnd is the earliest end of a suspension after a time; zero if there is
// none.
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
