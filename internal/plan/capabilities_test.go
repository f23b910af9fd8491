package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// subsets are all sets of capabilities that a driver may have.
func subsets() (all []binding.Capabilities) {
	for n := range 1 << 7 {
		on := func(bit int) bool { return n&(1<<bit) != 0 }
		c := binding.Capabilities{
			ListAccounts: on(0), Bind: on(1), Unbind: on(2), ReadSources: on(3), LinkRepositories: on(4), ReadRules: on(5), WriteRules: on(6),
		}
		for _, exists := range []bool{false, true} {
			c.ReadRepositories = exists || c.ReadSources || c.ReadRules
			all = append(all, c)
		}
	}
	return all
}

// see removes from an input what a driver cannot read.
func see(in plan.Input, c binding.Capabilities) plan.Input {
	unread := &binding.Unknown{Reason: binding.NotCapable, Message: message.Verbatim("not served")}
	in.Observation.Capabilities = c
	for p := range in.Observation.Accounts {
		if !c.ListAccounts {
			in.Observation.Accounts[p] = binding.AccountState{Unknown: unread}
		}
	}
	for image, st := range in.Observation.Repositories {
		if !c.ReadSources {
			st.Link, st.SourceUnknown = nil, unread
		}
		if !c.ReadRules {
			st.Rules, st.RulesUnknown = nil, unread
		}
		if !c.ReadRepositories {
			st = binding.RepositoryState{Unknown: unread}
		}
		in.Observation.Repositories[image] = st
	}
	return in
}

// asks returns what a plan does to an object, and whether a person has to confirm
// it.
func asks(in plan.Input, object binding.ObjectKind) (kind plan.Kind, attested bool, steps []message.Message) {
	for _, a := range plan.Make(in).Actions {
		if a.Object.Kind == object {
			return a.Kind, a.Attestable(in.Observation.Capabilities), a.Steps
		}
	}
	return "", false, nil
}

func hasStep(steps []message.Message, id string) bool {
	return slices.ContainsFunc(steps, func(m message.Message) bool { return m.ID == id })
}

// TestEachCapabilityIsUsedByItself checks, for every set of capabilities, what a
// plan does itself and what it asks people to do: it makes a write whose effect can
// be read, and a person confirms exactly what the registry cannot be asked about.
func TestEachCapabilityIsUsedByItself(t *testing.T) {
	check := func(t *testing.T, c binding.Capabilities, what string, in plan.Input, object binding.ObjectKind, want plan.Kind, attested bool) []message.Message {
		t.Helper()
		kind, attests, steps := asks(see(in, c), object)
		if kind != want || attests != attested {
			t.Errorf("%s with %+v: got %q (confirmed by a person: %v), want %q (%v)", what, c, kind, attests, want, attested)
		}
		return steps
	}
	or := func(by bool, api plan.Kind) plan.Kind {
		if by {
			return api
		}
		return plan.Manual
	}
	for _, c := range subsets() {
		fresh := linkCase(func(w *linkWorld) {
			w.in.Records, w.state = nil, binding.RepositoryState{Exists: true}
			w.in.Observation.Accounts = map[binding.Platform]binding.AccountState{binding.GitLab: {}}
		})()
		fresh.Records = nil
		check(t, c, "a new account", fresh, binding.ObjectAccount, or(c.ListAccounts && c.Bind, plan.Bind), !c.ListAccounts)

		unlinked := linkCase(func(w *linkWorld) { w.state, w.record.Images = binding.RepositoryState{Exists: true}, nil })()
		steps := check(t, c, "a new source", unlinked, binding.ObjectRepository, or(c.ReadSources && c.LinkRepositories, plan.Link), !c.ReadSources)
		if hasStep(steps, "step.rule") && (c.ReadRules || c.ReadSources && c.LinkRepositories) {
			t.Errorf("with %+v a person is asked for rules together with the source", c)
		}

		linked := linkCase(func(w *linkWorld) { w.state.Rules, w.record.Images[0].Rules = nil, nil })()
		if c.ReadRules {
			check(t, c, "a new rule", linked, binding.ObjectRule, or(c.WriteRules, plan.AddRule), false)
		} else {
			steps := check(t, c, "a rule that cannot be read", linked, binding.ObjectRepository, plan.Manual, true)
			if !hasStep(steps, "step.rule") {
				t.Errorf("with %+v nobody is asked for the rule", c)
			}
		}

		drifted := linkCase(func(w *linkWorld) { w.state.Rules[0].Dockerfile = "/elsewhere/Dockerfile" })()
		if c.ReadRules {
			check(t, c, "a rule that drifted", drifted, binding.ObjectRule, or(c.WriteRules, plan.ChangeRule), false)
		}
		settled := see(linkCase(func(*linkWorld) {})(), c)
		for _, a := range plan.Make(settled).Actions {
			if a.Kind != plan.Noop {
				t.Errorf("with %+v, what is as declared and confirmed changes: %s", c, fmt.Sprint(a.Kind, a.Object))
			}
		}
	}
}
