package status

import (
	"cmp"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// declaredAgain is what is known of a declaration: where it is the earlier one again,
// what was known of that, unless something newer is.
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
	s.Spec, s.Conditions, s.Earlier = s.Earlier.Spec, conditions, nil
	return s
}

// earlier is what was known of what was declared before, without what was answered
// since. It is nil once something was written since, or all is as declared now.
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

// changeNotApplied is Ready of what is declared in a different way than before, while what
// the change needs gives no answer.
func changeNotApplied(why message.Message) binding.Condition {
	return condition(binding.Ready, binding.False, ReasonNotApplied, message.New("condition.change-not-applied", "why", why))
}

func isNotApplied(c binding.Condition) bool {
	return c.Type == binding.Ready && cmp.Or(c.KnownReason, c.Reason) == ReasonNotApplied
}

// Unplanned is Failed for a binding that may be declared in another way since. It keeps
// s as it is.
func Unplanned(s binding.Status, d binding.Declaration, why message.Message, now time.Time) binding.Status {
	before := s
	s = Failed(declaredAgain(s, d), why, now)
	r := redeclaration{&s.Spec, &d}
	if changed := r.redeclared(binding.Ready); changed && s.Earlier == nil {
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
	s.Conditions = stamp(before.Conditions, s.Conditions, now)
	return s
}
