package plan_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// held is a person's suspension of a binding, or of all for no name, that ends
// after a time from noon.
func held(name string, after time.Duration) binding.Suspension {
	return binding.Suspension{
		Instance: "prod", Binding: name, Until: noon().Add(after), Reason: "migration",
		Person: binding.Person{By: "Ada"}, Since: noon().Add(-time.Hour),
	}
}

func TestWhatAPersonSuspendsIsHeldStill(t *testing.T) {
	suspended := func(all ...binding.Suspension) func() plan.Input {
		return func() plan.Input {
			in := input(gitlabDeclaration())
			in.Suspensions = all
			return in
		}
	}
	runCases(t, map[string]planCase{
		"a binding": {
			in: suspended(held("payments-gitlab", time.Hour)), want: []string{"noop account"},
			reason: "suspended until 2026-11-22T13:00:00Z by Ada: migration",
		},
		"an instance": {
			in: suspended(held("", time.Hour)), want: []string{"noop account"},
			reason: "suspended until 2026-11-22T13:00:00Z by Ada: migration",
		},
		"another binding": {in: suspended(held("web-github", time.Hour)), want: []string{bindLine}, reason: "declared"},
		"until now": {
			in: suspended(held("payments-gitlab", 0)), want: []string{bindLine}, reason: "declared",
			codes: []string{"warning suspend-ended"},
		},
		"an instance until lately": {
			in: suspended(held("", -time.Hour)), want: []string{bindLine}, reason: "declared", codes: []string{"warning suspend-ended"},
		},
		"beside its declaration": {
			in: func() plan.Input {
				d := gitlabDeclaration()
				d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(noon()), Reason: "freeze", Owner: "payments"}
				in := input(d)
				in.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
				return in
			},
			want:   []string{"noop account"},
			reason: "suspended until 2026-11-22 by payments: freeze; suspended until 2026-11-22T13:00:00Z by Ada: migration",
		},
		"a binding that is not declared any more": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				in.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
			}),
			want: []string{accountLine}, reason: "kept for now: suspended until 2026-11-22T13:00:00Z by Ada: migration",
		},
		"one that is not declared any more, until lately": {
			in: gone(func(in *plan.Input, _ *binding.Record) {
				in.Suspensions = []binding.Suspension{held("payments-gitlab", -time.Hour)}
			}),
			want: removesAll(), reason: "not declared any more", codes: []string{"warning suspend-ended"},
		},
		"under the name that it was applied with": {
			in: func() plan.Input {
				r := applied(gitlabDeclaration())
				d := gitlabDeclaration()
				d.Name = "renamed"
				in := boundTo(input(d), gitlabAccount())
				in.Records = []binding.Record{r}
				in.Suspensions = []binding.Suspension{held(r.Binding, time.Hour)}
				return in
			},
			want: []string{"noop account"}, reason: "suspended until 2026-11-22T13:00:00Z",
		},
	})
}

func TestASuspendedInstanceIsNeverChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		in.Suspensions = []binding.Suspension{{Instance: in.Instance.Name, Until: in.Now.Add(time.Second), Person: binding.Person{By: "Ada"}}}
		if changes := changing(plan.Make(in)); len(changes) > 0 {
			t.Fatalf("planned: %s", encode(t, changes))
		}
	})
}
