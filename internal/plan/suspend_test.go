package plan_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// held is a person's suspension of a binding, or of the instance if name is empty,
// that ends a given time after noon.
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
			want: removesAll(), reason: "no longer declared", codes: []string{"warning suspend-ended"},
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

// imageMoves is an input in which payments/api is linked under payments-gitlab and
// is now declared in payments-codeup, which is bound.
func imageMoves(change func(in *plan.Input, gitlab, codeup *binding.Declaration)) func() plan.Input {
	return func() plan.Input {
		gitlab, codeup := gitlabDeclaration(), codeupDeclaration("payments-codeup")
		codeup.Spec.Repositories = []binding.Repository{repository()}
		gitlab.Spec.DeletionPolicy = binding.Unbind
		in := boundBoth(gitlab, codeup, gitlab, codeup)
		in.Records[0].Images = []binding.RecordedImage{recordedImage()}
		in.Observation.Repositories["payments/api"] = binding.RepositoryState{
			Exists: true, Link: wantedLink(), Rules: []binding.ObservedRule{{ID: "1", BuildRule: mainRule("Dockerfile")}},
		}
		change(&in, &in.Declarations[0], &in.Declarations[1])
		return in
	}
}

// TestWhatIsSuspendedLosesNothingToAnother binding, and the account of an image
// repository that it took over is not unbound.
func TestWhatIsSuspendedLosesNothingToAnother(t *testing.T) {
	freeze := &binding.Suspend{Until: binding.DateOf(noon()), Reason: "freeze", Owner: "payments"}
	takes := []string{accountLine, "relink payments/api platform:gitlab>codeup", "adopt " + ruleObject, accountLine}
	kept := []string{accountLine, "noop payments/api", accountLine}
	without := func(in *plan.Input) { in.Declarations = in.Declarations[1:] }
	released := []string{accountLine, "unbind account username:ci-bot>"}
	taken := func(state binding.RepositoryState) func() plan.Input {
		return imageMoves(func(in *plan.Input, _, _ *binding.Declaration) {
			without(in)
			in.Suspensions = []binding.Suspension{held("payments-codeup", time.Hour)}
			in.Observation.Repositories["payments/api"] = state
		})
	}
	runCases(t, map[string]planCase{
		"nothing is suspended": {in: imageMoves(func(*plan.Input, *binding.Declaration, *binding.Declaration) {}), want: takes},
		"its owner, by a person": {
			in: imageMoves(func(in *plan.Input, _, _ *binding.Declaration) {
				in.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
			}),
			want: kept,
		},
		"its owner, until lately": {
			in: imageMoves(func(in *plan.Input, _, _ *binding.Declaration) {
				in.Suspensions = []binding.Suspension{held("payments-gitlab", 0)}
			}),
			want: takes, codes: []string{"warning suspend-ended"},
		},
		"its owner, in its declaration under another name": {
			in: imageMoves(func(_ *plan.Input, gitlab, _ *binding.Declaration) {
				gitlab.Name, gitlab.Spec.Suspend = "renamed", freeze
			}),
			want: kept,
		},
		"its owner, which has let it go": {
			in: imageMoves(func(in *plan.Input, _, _ *binding.Declaration) {
				in.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
				in.Observation.Repositories["payments/api"] = binding.RepositoryState{Exists: true}
			}),
			want: []string{
				accountLine, "link payments/api platform:>codeup source:>payments/api trigger:>auto", "add-rule " + ruleObject + " dockerfile:>/Dockerfile", accountLine,
			},
		},
		"who had it and is not ours any more": {
			in: imageMoves(func(in *plan.Input, gitlab, _ *binding.Declaration) {
				in.Records[0].Managed, gitlab.Spec.Suspend = false, freeze
			}),
			want: []string{accountLine, "forbidden payments/api platform:gitlab>codeup", accountLine}, codes: []string{"error adopt-required"},
		},
		"who never had it": {
			in: imageMoves(func(in *plan.Input, gitlab, _ *binding.Declaration) {
				in.Records[0].Images, gitlab.Spec.Suspend = nil, freeze
			}),
			want: []string{accountLine, "forbidden payments/api platform:gitlab>codeup", accountLine}, codes: []string{"error adopt-required"},
		},
		"its owner, not declared any more": {
			in: imageMoves(func(in *plan.Input, _, _ *binding.Declaration) {
				without(in)
				in.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
			}),
			want: []string{accountLine, accountLine, "noop payments/api"}, reason: "kept for now: suspended until",
		},
		"who takes it over, from what is not declared any more": {
			in: imageMoves(func(in *plan.Input, _, _ *binding.Declaration) {
				without(in)
				in.Suspensions = []binding.Suspension{held("payments-codeup", time.Hour)}
			}),
			want: []string{accountLine, accountLine}, reason: "its image repository payments/api is declared in payments-codeup: suspended until",
		},
		"who takes it over, of an image repository that is unlinked": {in: taken(binding.RepositoryState{Exists: true}), want: released},
		"who takes it over, and has it": {
			in: taken(binding.RepositoryState{Exists: true, Link: &binding.Link{Platform: binding.Codeup, Source: "payments/api", Trigger: binding.Auto}}), want: released,
		},
		"who takes it over, of a source that nobody can read now": {
			in: taken(binding.RepositoryState{Exists: true, SourceUnknown: &binding.Unknown{Reason: "Transient"}}), want: []string{accountLine, accountLine}, reason: "declared in payments-codeup: suspended until",
		},
		"who takes it over, of what does not answer": {in: taken(binding.RepositoryState{Unknown: &binding.Unknown{Reason: "Transient"}}), want: []string{accountLine, accountLine}, reason: "declared in payments-codeup: suspended until"},
	})
	p := plan.Make(imageMoves(func(_ *plan.Input, gitlab, _ *binding.Declaration) { gitlab.Spec.Suspend = freeze })())
	const why = "not changed, because it is linked under payments-gitlab: suspended until 2026-11-22 by payments: freeze"
	if got := text(p.Actions[1].Reason); got != why {
		t.Errorf("reason %q, want %q", got, why)
	}
}

// TestOfWhatIsSuspendedItIsKnownWhetherSomethingIsDue.
func TestOfWhatIsSuspendedItIsKnownWhetherSomethingIsDue(t *testing.T) {
	for name, tt := range map[string]struct {
		change     func(*linkWorld)
		nothingDue bool
	}{
		"all is as declared":        {func(*linkWorld) {}, true},
		"a newer token":             {func(w *linkWorld) { w.record.TokenVersion = 2 }, false},
		"a source":                  {func(w *linkWorld) { w.state.Link = nil }, false},
		"a token, and a source too": {func(w *linkWorld) { w.record.TokenVersion, w.state.Link = 2, nil }, false},
	} {
		for _, a := range plan.Make(linkCase(func(w *linkWorld) {
			w.repository.Rules, w.state.Rules, w.record.Images[0].Rules = nil, nil, nil
			w.in.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
			tt.change(w)
		})()).Actions {
			if a.Cause != plan.CauseSuspended || a.NothingDue != tt.nothingDue {
				t.Errorf("%s: %s, nothing due: %v", name, a.Cause, a.NothingDue)
			}
		}
	}
}

// TestWhatIsSuspendedIsRefusedAfterARewrittenHistory: if nothing were refused, the
// snapshot would be trusted, and the removal would be made when the suspension
// ends.
func TestWhatIsSuspendedIsRefusedAfterARewrittenHistory(t *testing.T) {
	rewritten := func(allowed bool, in func() plan.Input) func() plan.Input {
		return func() plan.Input {
			now := in()
			now.Rewritten, now.Policy.AllowDeletions = true, allowed
			now.Suspensions = []binding.Suspension{held("payments-gitlab", time.Hour)}
			return now
		}
	}
	removed := gone(func(*plan.Input, *binding.Record) {})
	dropped := linkCase(func(w *linkWorld) {
		w.spec.DeletionPolicy, w.spec.Repositories = binding.Unbind, []binding.Repository{}
	})
	ruleless := linkCase(func(w *linkWorld) { w.repository.Rules = []binding.BuildRule{} })
	obstacle := linkCase(func(w *linkWorld) {
		w.repository.Rules, w.repository.Source = []binding.BuildRule{}, "payments/gone"
		w.in.Observation.Projects["payments-gitlab"] = map[string]binding.ProjectState{
			"payments/gone": {Answers: []binding.Answer{{Question: "project-exists", Verdict: binding.No}}},
		}
	})
	codes := []string{"error history-rewritten"}
	notSuspended := func(in func() plan.Input) func() plan.Input {
		return func() plan.Input {
			now := in()
			now.Suspensions = nil
			return now
		}
	}
	runCases(t, map[string]planCase{
		"a binding":             {in: rewritten(false, removed), want: []string{"forbidden account"}, reason: "history-rewritten", codes: codes},
		"a binding, allowed":    {in: rewritten(true, removed), want: []string{accountLine}, reason: "kept for now: suspended until"},
		"a source":              {in: rewritten(false, dropped), want: []string{"forbidden payments/api", accountLine}, reason: "history-rewritten", codes: codes},
		"a source, allowed":     {in: rewritten(true, dropped), want: []string{accountLine}, reason: "suspended until"},
		"a build rule":          {in: rewritten(false, ruleless), want: []string{"forbidden " + ruleObject, accountLine}, reason: "history-rewritten", codes: codes},
		"a build rule, allowed": {in: rewritten(true, ruleless), want: []string{accountLine}, reason: "suspended until"},
		"a build rule of what cannot be linked": {
			in:   notSuspended(rewritten(false, obstacle)),
			want: []string{"forbidden " + ruleObject, accountLine, "forbidden payments/api source:payments/api>payments/gone"}, reason: "history-rewritten",
			codes: append(codes, "error source-missing"),
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
