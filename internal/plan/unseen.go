package plan

import (
	"cmp"
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// unseenKey identifies an object that a read may show as it was before a write of
// ours. An account needs its platform; an image repository exists once, whatever
// the platform.
type unseenKey struct {
	platform binding.Platform
	object   binding.Object
}

func unseenKeyOf(p binding.Platform, o binding.Object) unseenKey {
	if !o.IsAccount() {
		p = ""
	}
	return unseenKey{p, o}
}

func (k unseenKey) compare(o unseenKey) int {
	return cmp.Or(cmp.Compare(k.platform, o.platform), k.object.Compare(o.object))
}

// unseen is a write of ours that the observation does not show yet. Until a read
// shows it, or sync.settle has passed, its absence proves nothing, and nothing is
// done to the object.
type unseen struct {
	// record is the record of the binding that the write belongs to.
	record binding.Record
	object binding.Object
	// certain is true if the registry accepted the write.
	certain bool
}

// findUnseen collects the writes that the observation does not show: those that the
// registry accepted, and those whose answer was lost. Of the latter, those that may
// be repeated go into a map of their own.
func (m *maker) findUnseen() {
	m.unseen, m.repeatable = map[unseenKey]unseen{}, map[unseenKey]unseen{}
	settle := m.in.Policy.Settle
	for _, r := range m.in.Records {
		for _, u := range r.Unseen(m.in.Observation, m.in.Now, settle) {
			m.unseen[unseenKeyOf(r.Platform, u.Object)] = unseen{r, u.Object, true}
		}
	}
	for _, i := range m.in.Intents {
		if i.Answered || i.Announced || !(binding.Write{At: i.Started}).Recent(m.in.Now, settle) {
			continue
		}
		into := m.unseen
		if Kind(i.Action).Repeatable() {
			into = m.repeatable
		}
		into[unseenKeyOf(i.Platform, i.Object)] = unseen{binding.Record{Binding: i.Binding, Platform: i.Platform}, i.Object, false}
	}
}

// Repeatable reports whether an action of this kind may be safely repeated if it is
// unknown whether the first time had an effect.
func (k Kind) Repeatable() bool {
	switch k {
	case Bind, Rebind, Unbind, Create, AddRule:
		return false
	default:
		return true
	}
}

// unseenOn finds the unseen write of an object.
func (m *maker) unseenOn(p binding.Platform, o binding.Object) (unseen, bool) {
	u, is := m.unseen[unseenKeyOf(p, o)]
	return u, is
}

func (m *maker) accountUnseen(p binding.Platform) bool {
	_, is := m.unseenOn(p, binding.AccountObject())
	return is
}

// unseenIn reports whether the observation does not show some write of a record or,
// if image is not empty, some write to that image repository.
func (m *maker) unseenIn(r *binding.Record, image string) bool {
	for _, u := range m.unseen {
		if image != "" && u.object.Image == image {
			return true
		}
		if u.record.Binding == r.Binding && u.record.Platform == r.Platform && image == "" {
			return true
		}
	}
	return false
}

// notVisible returns the action on an object with an unseen write.
func (u unseen) notVisible() Action {
	reason := message.New("reason.not-visible")
	if !u.certain {
		reason = message.New("reason.not-answered")
	}
	return Action{Object: u.object, Kind: Noop, Cause: CauseNotVisible, Reason: reason}
}

// unseenSteps replaces changes of objects with unseen writes by reports of those
// writes, and adds a report of each unseen write that no action is about.
//
// A write that may be repeated is repeated if it is still needed. If the
// observation shows the object as declared without it, it is only reported: its
// effect may still come, or may exist already.
func (m *maker) unseenSteps() {
	for i := range m.steps {
		s := &m.steps[i]
		u, is := m.unseenOn(s.Platform, s.Object)
		other, again := m.repeatable[unseenKeyOf(s.Platform, s.Object)]
		again = again && (s.Settled() || s.Kind == Adopt)
		if again {
			u = other
		}
		if is && s.Kind.Changes() || again {
			a := u.notVisible()
			a.Instance, a.Binding, a.Platform, a.Target = s.Instance, s.Binding, s.Platform, s.Target
			s.Action = a
		}
	}
	all := maps.Clone(m.repeatable)
	maps.Copy(all, m.unseen)
	for _, key := range slices.SortedFunc(maps.Keys(all), unseenKey.compare) {
		u := all[key]
		if slices.ContainsFunc(m.steps, func(s step) bool { return unseenKeyOf(s.Platform, s.Object) == key }) {
			continue
		}
		a := u.notVisible()
		a.Instance, a.Binding, a.Platform = m.in.Instance.Name, u.record.Binding, u.record.Platform
		for n := range m.in.Declarations {
			if d := &m.in.Declarations[n]; d.Name == a.Binding && d.Spec.Platform == a.Platform {
				a.Target.Declaration = d
			}
		}
		m.add(freeAccount, a)
	}
}

// withoutRemoved removes rules from the state of an image repository that are still
// shown although we removed them.
func (m *maker) withoutRemoved(image string, st binding.RepositoryState) binding.RepositoryState {
	st.Rules = slices.DeleteFunc(slices.Clone(st.Rules), func(have binding.ObservedRule) bool {
		_, is := m.unseenOn("", binding.CopyObject(image, have))
		return is
	})
	return st
}
