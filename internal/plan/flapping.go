package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// CodeFlapping is the rule that ends repairs that do not hold.
const CodeFlapping = string(CauseFlapping)

// unlessFlapping returns a repair as it is. If repairs of the object do not
// hold, it returns the forbidden action in its place. The object of the action
// has to be set.
func (m *maker) unlessFlapping(s subject, path string, a Action) Action {
	if !a.Repairs() || a.Kind.ByPerson() || s.looksOnly() {
		return a
	}
	made, stopped := m.repairs(s.d.Name, a.Object)
	if !stopped {
		return a
	}
	found := []string{a.Found()}
	for _, r := range made {
		found = append(found, r.Found)
	}
	text := fmt.Sprintf("%s %s was repaired %d times and does not stay as declared: %s", a.Object, "of "+s.d.Name, len(made), likelyCause(s, a, found))
	m.find(s.d, path, finding.New(CodeFlapping, m.flappingMessage(s, a, made, found)))
	a.Kind, a.Cause, a.Steps = Forbidden, CauseFlapping, nil
	a.Reason = CodeFlapping + ": " + text + "; once that is settled: reconciler sync " + s.d.Name
	return a
}

func (m *maker) flappingMessage(s subject, a Action, made []binding.Repair, found []string) message.Message {
	text := message.New("plan.flapping", "object", a.Object, "binding", s.d.Name, "times", len(made),
		"likely", message.Foreign(likelyCause(s, a, found)))
	if len(made) == 0 {
		return text
	}
	return message.New("plan.flapping-since", "flapping", text, "first", made[0].At, "last", made[len(made)-1].At)
}

// repairs returns the repairs of an object that count, and whether no more are
// made. Once they are stopped, they stay stopped until the declaration changes
// or a person resumes them.
func (m *maker) repairs(name string, object binding.Object) (made []binding.Repair, stopped bool) {
	i := slices.IndexFunc(m.in.RetryStates, func(e binding.RetryState) bool { return e.Binding == name })
	// As it is declared: a subject may speak of an earlier version of the token.
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

// Found says in a few words what an action finds in place of what is declared.
func (a Action) Found() string {
	switch a.Kind {
	case Bind:
		return "unbound"
	case Link:
		return "without a source"
	case AddRule:
		return "gone"
	default:
	}
	var parts []string
	for _, c := range a.Changes {
		if c.From != "" {
			parts = append(parts, fmt.Sprintf("with %s %q", c.Field, c.From))
		}
	}
	return cmp.Or(strings.Join(parts, " and "), "otherwise")
}

// likelyCause says who probably undoes the repairs, by what was found each
// time; the newest is first.
func likelyCause(s subject, a Action, found []string) string {
	if slices.ContainsFunc(found, func(f string) bool { return f != found[0] }) {
		return fmt.Sprintf("it is found otherwise each time, now %s; likely several others change it", found[0])
	}
	likely := "another reconciler or a script that works on the same instance, or a person in the console"
	if a.Object.IsAccount() && s.state.Account != nil && s.state.Account.Username != "" {
		likely = fmt.Sprintf("whoever binds %q: %s", s.state.Account.Username, likely)
	}
	return fmt.Sprintf("it is found %s again each time; likely by %s", found[0], likely)
}
