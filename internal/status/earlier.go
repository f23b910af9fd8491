package status

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// declaredAgain returns the status to start from for a declaration. If the
// declaration is the earlier one again, its conditions are what was known about
// that, except where something newer is known.
func declaredAgain(s binding.Status, d binding.Declaration) binding.Status {
	if s.Earlier == nil || (redeclaration{&s.Earlier.Spec, &d}).redeclared(binding.Ready) {
		return s
	}
	other := redeclaration{&s.Spec, &d}
	var conditions []binding.Condition
	for _, c := range s.Conditions {
		was := binding.FindCondition(s.Earlier.Conditions, c.Type)
		switch newer := !c.Known.IsZero() && !other.redeclared(c.Type); {
		case newer:
			conditions = append(conditions, c)
		case was != nil:
			conditions = append(conditions, *was)
		}
	}
	s.Pending, s.Steps = s.Earlier.Pending, s.Earlier.Steps
	s.Spec, s.Conditions, s.Earlier = s.Earlier.Spec, conditions, nil
	return s
}

// earlier returns the status of the previous declaration, without the conditions
// that have an answer since. It is nil once something was written, or everything is
// as declared now.
func (v view) earlier(before *binding.Status, conditions []binding.Condition) *binding.Status {
	wrote := slices.ContainsFunc(v.outcomes, func(o plan.Outcome) bool {
		return o.Action.Kind.Changes() && (o.State == plan.Done || o.State == plan.Failed)
	})
	if before == nil || wrote || conditions[0].Status == binding.True {
		return nil
	}
	var e binding.Status
	switch {
	case before.Earlier != nil:
		e = *before.Earlier
	case v.redeclared(binding.Ready):
		e = *before
	default:
		return nil
	}
	e.Conditions = slices.DeleteFunc(slices.Clone(e.Conditions), func(was binding.Condition) bool {
		c := binding.FindCondition(conditions, was.Type)
		return c != nil && known(*c) && !c.LastKnown && !isNotApplied(*c) && c.Reason != ReasonNotManaged
	})
	return &e
}

// changeNotApplied is Ready after the declaration has changed, while something that
// the change needs does not answer.
func changeNotApplied(why message.Message) binding.Condition {
	return condition(binding.Ready, binding.False, ReasonNotApplied, message.New("condition.change-not-applied", "why", why))
}

func isNotApplied(c binding.Condition) bool {
	return c.Type == binding.Ready && cmp.Or(c.KnownReason, c.Reason) == ReasonNotApplied
}

// Unplanned does the same as Failed, for a binding whose declaration may have
// changed since. s is not changed.
func Unplanned(s binding.Status, d binding.Declaration, why message.Message, now time.Time) binding.Status {
	before := s
	s = Failed(declaredAgain(s, d), why, now)
	r := redeclaration{&s.Spec, &d}
	changed := r.redeclared(binding.Ready)
	if changed {
		s.Pending, s.Steps = nil, nil // They are about what was declared before.
	}
	if changed && s.Earlier == nil {
		s.Earlier = &before
	} else if !changed && s.Earlier == nil {
		return s
	}
	for i, c := range s.Conditions {
		switch {
		case c.Type == binding.Ready && (r.redeclared(c.Type) || isNotApplied(c)):
			s.Conditions[i] = changeNotApplied(why)
			s.Conditions[i].Known = now
		case c.Type != binding.Ready && r.redeclared(c.Type):
			s.Conditions[i] = condition(c.Type, binding.Unclear, ReasonNotAsked, why)
		}
	}
	s.File, s.Revision, s.Spec = d.File, d.Revision, d.Spec
	s.Conditions = setTransitionTimes(before.Conditions, s.Conditions, now)
	return s
}
