package plan

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// CodeFlapping is the rule that stops repairs if drift comes back after each of
// them.
const CodeFlapping = string(CauseFlapping)

// unlessFlapping returns the action unchanged unless it is a repair of an object
// that is flapping. It forbids such a repair. The object of the action must be set.
func (m *maker) unlessFlapping(s subject, path string, a Action) Action {
	if !a.Repairs() || a.Cause == CauseTokenUnknown || a.Kind.ByPerson() || s.observesOnly() {
		return a
	}
	made, stopped := m.repairs(s.d.Name, a.Object)
	if !stopped {
		return a
	}
	text := message.New("plan.flapping", "object", a.Object, "binding", s.d.Name, "times", len(made), "likely", likelyCause(s, a, made))
	since := text
	if len(made) > 0 {
		since = message.New("plan.flapping-since", "flapping", text, "first", made[0].At, "last", made[len(made)-1].At)
	}
	m.find(s.d, path, finding.New(CodeFlapping, since))
	a.Kind, a.Cause, a.Steps = Forbidden, CauseFlapping, nil
	a.Reason = message.New("reason.flapping", "rule", CodeFlapping, "why", text, "binding", s.d.Name)
	return a
}

// repairs returns the repairs of an object that still count, and whether repairs
// are stopped. They stay stopped until the declaration changes or a person resumes
// them.
func (m *maker) repairs(name string, object binding.Object) (made []binding.Repair, stopped bool) {
	i := slices.IndexFunc(m.in.RetryStates, func(e binding.RetryState) bool { return e.Binding == name })
	// The digest is that of the declaration itself: a subject may have an earlier
	// version of the token.
	d := slices.IndexFunc(m.in.Declarations, func(d binding.Declaration) bool { return d.Name == name })
	if i < 0 || d < 0 {
		return nil, false
	}
	of := m.in.RetryStates[i].RepairsOf(object, m.in.Declarations[d].Spec.Digest())
	if !of.Stopped.IsZero() {
		return of.Made, true
	}
	made = of.Since(m.in.Now.Add(-m.in.Policy.RepairsWithin))
	return made, m.in.Policy.MaxRepairs > 0 && len(made) >= m.in.Policy.MaxRepairs
}

// likelyCause says who probably undoes the repairs, judging by what was found each
// time.
func likelyCause(s subject, a Action, made []binding.Repair) message.Message {
	if slices.ContainsFunc(made, func(r binding.Repair) bool { return !r.FoundSame(a.Found()) }) {
		return message.New("flapping.various", "found", a.Found())
	}
	account := ""
	if a.Object.IsAccount() && s.state.Account != nil {
		account = s.state.Account.Username
	}
	return message.New("flapping.same", "found", a.Found(), "account", account)
}

// Found says in a few words what an action finds instead of what is declared.
// The retry state keeps it.
func (a Action) Found() message.Message {
	switch a.Kind {
	case Bind:
		return message.New("found.unbound")
	case Link:
		return message.New("found.without-source")
	case AddRule, Create:
		return message.New("found.gone")
	default:
	}
	var all message.Message
	for _, c := range a.Changes {
		if !c.HadValue() {
			continue
		}
		with := message.New("found.with", "field", c.name(), "from", c.from())
		if !all.IsZero() {
			with = message.New("found.and", "first", all, "second", with)
		}
		all = with
	}
	if all.IsZero() {
		return message.New("found.different")
	}
	return all
}
