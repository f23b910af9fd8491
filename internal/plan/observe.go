package plan

import (
	"fmt"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// observesOnly reports whether nothing may be done for the declaration.
func (s subject) observesOnly() bool { return s.d.Spec.Observed() }

// observedSteps turns all actions of declarations that are only observed into
// reports of differences. It runs once the whole plan is known, so that no such
// action is carried out, whatever rule made it.
func (m *maker) observedSteps() {
	for i := range m.steps {
		a := &m.steps[i].Action
		if d := a.Target.Declaration; d == nil || !d.Spec.Observed() || a.Kind == Noop {
			continue
		}
		switch a.Kind {
		case Adopt:
			a.Cause, a.Reason, a.Changes = CauseSettled, message.New("reason.observed-as-declared"), nil
		case Forbidden:
			a.Reason = message.New("reason.observed-only", "reason", a.Reason) // It already has its finding.
		default:
			m.reportDifference(*a)
			a.Reason = message.New("reason.observed-only", "reason", a.Reason)
		}
		a.Kind, a.Steps, a.Safety = Noop, nil, false
	}
}

// reportDifference adds a finding about an object that is not as declared.
func (m *maker) reportDifference(a Action) {
	d, path := a.Target.Declaration, a.path()
	text := message.New("plan.difference", "binding", d.Name, "object", a.Object, "reason", a.Reason)
	if len(a.Changes) > 0 && a.Changes[0].HadValue() && a.Changes[0].To != "" {
		c := a.Changes[0]
		text = message.New("plan.difference-from", "difference", text, "field", c.name(), "from", c.from(), "to", c.to())
	}
	m.find(d, path, finding.New("observed-difference", text))
}

// observedRemovals excludes removals of declarations that are only observed from
// what the safety rules count, because nothing is removed for them.
func (m *maker) observedRemovals() {
	var counted []removal
	for _, rem := range m.removals {
		if d := rem.head.Target.Declaration; d == nil || !d.Spec.Observed() {
			counted = append(counted, rem)
			continue
		}
		for _, st := range rem.steps {
			m.add(st.phase, st.Action)
		}
	}
	m.removals = counted
}

// path is the field that declares the object of an action; empty for an account.
func (a Action) path() string {
	for i, r := range a.Target.Declaration.Spec.Repositories {
		if !a.Object.IsAccount() && binding.NormalImage(r.Image) == a.Target.Image {
			return fmt.Sprintf("spec.repositories[%d]", i)
		}
	}
	return ""
}
