package plan

import (
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// pendingSteps sets since when steps wait for a person and when they are due. It
// adds a finding for each that is overdue.
func (m *maker) pendingSteps() {
	for i := range m.steps {
		a := &m.steps[i].Action
		e := slices.IndexFunc(m.in.RetryStates, func(e binding.RetryState) bool { return e.Binding == a.Binding })
		if !a.Kind.ByPerson() || e < 0 {
			continue
		}
		a.Since = m.in.RetryStates[e].PendingOf(a.Platform, a.Object).Since
		a.Due = m.in.Policy.Due(a.Since)
		if a.Overdue(m.in.Now) {
			m.reportOverdue(*a)
		}
	}
}

// Due is when a step that has waited for a person since then should be done; zero
// if there is no deadline, or since is zero.
func (p Policy) Due(since time.Time) time.Time {
	if p.PersonDeadline <= 0 || since.IsZero() {
		return time.Time{}
	}
	return since.Add(p.PersonDeadline)
}

// Overdue reports whether a person's step should have been done before now.
func (a Action) Overdue(now time.Time) bool { return !a.Due.IsZero() && now.After(a.Due) }

// Asked is the person whom the declaration names for questions about a step; empty
// if it names nobody.
func (a Action) Asked() string {
	if d := a.Target.Declaration; d != nil && d.Spec.Suspend != nil {
		return d.Spec.Suspend.Owner
	}
	return ""
}

func (m *maker) reportOverdue(a Action) {
	f := finding.New("person-overdue", message.New("plan.overdue", "name", a.Binding, "action", a.Kind, "object", a.Object,
		"since", a.Since, "due", a.Due, "asked", a.Asked()))
	if d := a.Target.Declaration; d != nil {
		m.find(d, "", f)
		return
	}
	m.findings = append(m.findings, f)
}
