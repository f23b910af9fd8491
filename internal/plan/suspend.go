package plan

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// suspended says why a binding is suspended: by its declaration, by a person, or by
// both. It is zero if the binding is not suspended.
func (m *maker) suspended(declared *binding.Suspend, names ...string) (why message.Message) {
	if declared.Active(m.in.Now) {
		why = message.New("reason.suspended", "until", declared.Until, "by", declared.Owner, "reason", message.Foreign(declared.Reason))
	}
	for _, s := range m.in.Suspensions {
		if !s.Active(m.in.Now) || !s.Holds(names...) {
			continue
		}
		person := message.New("reason.suspended", "until", s.Until, "by", s.By, "reason", s.Why())
		if !why.IsZero() {
			person = message.New("reason.and", "first", why, "second", person)
		}
		why = person
	}
	return why
}

// markNothingDue marks the suspended bindings that a plan without suspensions would
// not change, because everything is known to be as declared.
func markNothingDue(in Input, actions []Action) {
	suspended := func(a Action) bool { return a.Cause == CauseSuspended }
	if !slices.ContainsFunc(actions, suspended) {
		return
	}
	in.Suspensions, in.Declarations = nil, slices.Clone(in.Declarations)
	for i := range in.Declarations {
		in.Declarations[i].Spec.Suspend = nil
	}
	settled := map[string]bool{}
	for _, a := range Make(in).Actions {
		before, seen := settled[a.Binding]
		settled[a.Binding] = a.Settled() && (before || !seen)
	}
	for i, a := range actions {
		actions[i].NothingDue = suspended(a) && settled[a.Binding]
	}
}

// ownerSuspended says why an image repository stays with the binding under which we
// linked it: that binding is suspended, under its recorded name or the name of its
// current declaration. It is zero if that is not so.
func (m *maker) ownerSuspended(r image) message.Message {
	if r.own != nil {
		return message.Message{}
	}
	for _, rec := range m.in.Records {
		if !rec.Managed || rec.Platform == r.d.Spec.Platform || m.recordedImage(&rec, r.name) == nil || !m.linkedUnder(rec, r) {
			continue
		}
		var declared *binding.Suspend
		names := []string{rec.Binding}
		for _, d := range m.in.Declarations {
			if d.Spec.Platform == rec.Platform {
				declared, names = d.Spec.Suspend, append(names, d.Name)
			}
		}
		if why := m.suspended(declared, names...); !why.IsZero() {
			return message.New("reason.linked-under-suspended", "binding", rec.Binding, "why", why)
		}
	}
	return message.Message{}
}

// linkedUnder reports whether an image repository is linked through the account of
// a record. If sources cannot be read, our memory decides.
func (m *maker) linkedUnder(rec binding.Record, r image) bool {
	return !m.in.Observation.Capabilities.ReadSources || r.state.Link != nil && r.state.Link.Platform == rec.Platform
}

// declarerSuspended says why the account that an image repository is linked through
// is not unbound: the binding that declares the image repository now, and would
// link it again, is suspended. It is zero if that is not so.
func (m *maker) declarerSuspended(r *binding.Record, name string) message.Message {
	if st, asked := m.repositoryState(name); asked && st.NoSource() == nil && (st.Link == nil || st.Link.Platform != r.Platform) {
		return message.Message{}
	}
	for i := range m.in.Declarations {
		d := &m.in.Declarations[i]
		if !slices.ContainsFunc(d.Spec.Repositories, func(r binding.Repository) bool { return binding.NormalImage(r.Image) == name }) {
			continue
		}
		if why := m.suspended(d.Spec.Suspend, d.Name); !why.IsZero() {
			return message.New("reason.image-declared-suspended", "image", name, "binding", d.Name, "why", why)
		}
	}
	return message.Message{}
}

// names are the current name of a binding and the one under which it was applied.
func (s subject) names() []string {
	names := []string{s.d.Name}
	if s.record != nil {
		names = append(names, s.record.Binding)
	}
	return names
}

// suspensionsEnded reports suspensions by persons that have ended.
func (m *maker) suspensionsEnded() {
	for _, s := range m.in.Suspensions {
		if s.Active(m.in.Now) {
			continue
		}
		f := finding.New("suspend-ended", message.New("plan.suspension-ended",
			"what", s.What(), "by", s.By, "until", s.Until, "reason", s.Why()))

		for i := range m.in.Declarations {
			if d := &m.in.Declarations[i]; d.Name == s.Binding {
				at := d.At("metadata.name")
				f = f.At(d.File, at.Line, at.Column)
			}
		}
		m.findings = append(m.findings, f)
	}
}
