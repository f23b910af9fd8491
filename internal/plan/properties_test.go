package plan_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

func encode(t *rapid.T, v any) string {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func changing(p plan.Plan) []plan.Action {
	return slices.DeleteFunc(slices.Clone(p.Actions), func(a plan.Action) bool { return !a.Kind.Changes() })
}

// TestPlanIsPureAndMinimal checks the second rule that must always hold: equal
// inputs give the same plan, byte for byte; after it is applied, the next plan is
// empty; nothing undeclared is changed unless it is ours.
func TestPlanIsPureAndMinimal(t *testing.T) {
	t.Run("equal inputs give equal bytes and are left as they are", rapid.MakeCheck(func(t *rapid.T) {
		in := drawInput(t)
		before := encode(t, in)
		first, second := plan.Make(in), plan.Make(in)
		if diff := cmp.Diff(encode(t, first), encode(t, second)); diff != "" {
			t.Fatalf("two plans of one input differ:\n%s", diff)
		}
		if diff := cmp.Diff(before, encode(t, in)); diff != "" {
			t.Fatalf("planning changed its input:\n%s", diff)
		}
	}))
	t.Run("the order of files and records does not matter", rapid.MakeCheck(func(t *rapid.T) {
		in := drawInput(t)
		want := encode(t, plan.Make(in))
		in.Declarations = rapid.Permutation(in.Declarations).Draw(t, "declarations")
		in.Records = rapid.Permutation(in.Records).Draw(t, "records")
		if diff := cmp.Diff(want, encode(t, plan.Make(in))); diff != "" {
			t.Fatalf("another order gave another plan:\n%s", diff)
		}
	}))
	t.Run("applied, the next plan is empty", rapid.MakeCheck(func(t *rapid.T) {
		w := &world{in: drawInput(t)}
		// After a person's step, a plan can do nothing more for a binding: what
		// follows, and the update of our memory, need later plans. So does a secret
		// that a different binding stops using now, because it was applied with
		// that one's host.
		rounds := 1
		for range 8 {
			p := plan.Make(w.in)
			if slices.ContainsFunc(p.Actions, func(a plan.Action) bool { return a.Kind.ByPerson() || a.Cause == plan.CauseSecretTarget }) {
				rounds = 8
			}
			w.apply(p)
			if rounds--; rounds == 0 {
				break
			}
		}
		if left := changing(plan.Make(w.in)); len(left) > 0 {
			t.Fatalf("applied, these are left:\n%s", encode(t, left))
		}
	}))
	t.Run("nothing undeclared is touched unless we own it", rapid.MakeCheck(func(t *rapid.T) {
		w := &world{in: drawInput(t)}
		if !w.in.Observation.Capabilities.ListAccounts {
			t.Skip("what nobody can see is left to a person")
		}
		before := w.in.Observation
		before.Accounts, before.Repositories = maps.Clone(before.Accounts), maps.Clone(before.Repositories)
		w.apply(plan.Make(w.in))
		checkUntouched(t, w.in, before)
	}))
}

// checkUntouched checks that nothing changes that neither a declaration nor a
// record names.
func checkUntouched(t *rapid.T, in plan.Input, before binding.Observation) {
	ours, declaredPlatform := map[string]bool{}, map[binding.Platform]bool{}
	for _, d := range in.Declarations {
		declaredPlatform[d.Spec.Platform] = true
		for _, r := range d.Spec.Repositories {
			ours[r.Image] = true
		}
	}
	for _, p := range binding.Platforms() {
		had, has := before.Accounts[p].Account, in.Observation.Accounts[p].Account
		if declaredPlatform[p] || had == nil {
			continue
		}
		recorded := has == nil && had.ID == "1"
		if !recorded && !cmp.Equal(had, has) {
			t.Fatalf("%s is not declared and was not ours: %+v became %+v", p, had, has)
		}
	}
	for image, had := range before.Repositories {
		has := in.Observation.Repositories[image]
		for _, rule := range had.Rules {
			if !ours[image] && !slices.Contains(has.Rules, rule) && has.Link != nil {
				t.Fatalf("%s is not declared and lost the rule %s while it kept its source", image, rule.Key())
			}
		}
	}
}

// TestFailureIsNeverADeletion checks the first rule that must always hold: if
// something cannot be read, nothing is changed or removed because of that.
func TestFailureIsNeverADeletion(t *testing.T) {
	unknown := &binding.Unknown{Reason: "Unreachable", Message: message.Verbatim("the registry did not answer")}
	failures := map[string]func(*plan.Input){
		"a broken file":       func(in *plan.Input) { in.Broken = []string{"b.yaml"}; in.Policy.AllowDeletions = true },
		"an empty snapshot":   func(in *plan.Input) { in.EmptySnapshot, in.Declarations = true, nil; in.Policy.AllowDeletions = false },
		"a rewritten history": func(in *plan.Input) { in.Rewritten = true; in.Policy.AllowDeletions = false },
		"an instance without answer": func(in *plan.Input) {
			in.Observation = binding.Observation{Instance: "prod", Unknown: unknown}
		},
		"accounts without answer": func(in *plan.Input) {
			for p := range in.Observation.Accounts {
				in.Observation.Accounts[p] = binding.AccountState{Unknown: unknown}
			}
		},
		"platforms not asked": func(in *plan.Input) { in.Observation.Accounts = nil },
	}
	for name, fail := range failures {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			in := drawInput(t)
			in.Observation.Capabilities = everything()
			fail(&in)
			for _, a := range plan.Make(in).Actions {
				if a.Kind == plan.Unbind || a.Kind == plan.Unlink || a.Kind == plan.RemoveRule {
					t.Fatalf("removes on the strength of a failure:\n%s", encode(t, a))
				}
				if len(in.Observation.Accounts) == 0 && a.Kind.Changes() {
					t.Fatalf("changes what it knows nothing of:\n%s", encode(t, a))
				}
			}
		}))
	}
	t.Run("image repositories without answer", rapid.MakeCheck(func(t *rapid.T) {
		in := drawInput(t)
		in.Observation.Capabilities = everything()
		for image := range in.Observation.Repositories {
			in.Observation.Repositories[image] = binding.RepositoryState{Unknown: unknown}
		}
		for _, a := range plan.Make(in).Actions {
			if !a.Object.IsAccount() && a.Kind.Changes() {
				t.Fatalf("changes an image repository that it knows nothing of:\n%s", encode(t, a))
			}
		}
	}))
}
