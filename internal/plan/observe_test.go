package plan_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

func observeOnly(w *linkWorld) { w.spec.ManagementPolicy = binding.Observe }

// observeOnlyInput is an input in which the GitLab declaration is only observed.
func observeOnlyInput(change func(*plan.Input)) func() plan.Input {
	return func() plan.Input {
		d := gitlabDeclaration()
		d.Spec.ManagementPolicy = binding.Observe
		in := input(d)
		change(&in)
		return in
	}
}

func TestWhatIsOnlyLookedAtIsToldAndNotChanged(t *testing.T) {
	const reason = "observed only (managementPolicy Observe)"
	observed := []string{"warning observed-difference"}
	runCases(t, map[string]planCase{
		"an account that is not bound": {
			in:     observeOnlyInput(func(*plan.Input) {}),
			want:   []string{"noop account address:>https://gitlab.example.com token:>secret/acr/gitlab#token token version:>3 username:>ci-bot"},
			reason: reason + ": GitLab is declared and not bound", codes: observed,
		},
		"another account, never ours": {
			in: observeOnlyInput(func(in *plan.Input) {
				other := gitlabAccount()
				other.Username = "mallory"
				boundTo(*in, other)
			}),
			want: []string{"noop account username:mallory>ci-bot"}, reason: reason + ": GitLab is bound, but not as declared", codes: observed,
		},
		"an account as declared is not adopted": {
			in:   observeOnlyInput(func(in *plan.Input) { boundTo(*in, gitlabAccount()) }),
			want: []string{"noop account"}, reason: "as declared; " + reason,
		},
		"drift of what was ours, under Report too": {
			in: observeOnlyInput(func(in *plan.Input) {
				in.Declarations[0].Spec.DriftPolicy = binding.Report
				in.Records = []binding.Record{applied(in.Declarations[0])}
			}),
			want: []string{bindLine2("noop")}, reason: reason + ": drift: ", codes: observed,
		},
		"a new version of the token": {
			in: observeOnlyInput(func(in *plan.Input) {
				boundTo(*in, gitlabAccount())
				r := applied(in.Declarations[0])
				r.TokenVersion = 2
				in.Records = []binding.Record{r}
			}),
			want: []string{"noop account token version:2>3"}, reason: reason + ": the secret store has another version", codes: observed,
		},
		"an unreachable secret store hides no difference": {
			in: observeOnlyInput(func(in *plan.Input) {
				in.Observation.Tokens["payments-gitlab"] = binding.TokenState{Unknown: &binding.Unknown{Reason: "Sealed", Message: message.Verbatim("sealed")}}
			}),
			want:   []string{"noop account address:>https://gitlab.example.com token:>secret/acr/gitlab#token username:>ci-bot"},
			reason: reason, codes: observed,
		},
		"a token near its end is told all the same": {
			in: observeOnlyInput(func(in *plan.Input) {
				boundTo(*in, gitlabAccount())
				in.Declarations[0].Spec.Token.Expires = binding.DateOf(noon().AddDate(0, 0, 7))
			}),
			want: []string{"noop account"}, reason: reason, codes: []string{"warning token-expiry"},
		},
		"an account to authorize is no step for a person": {
			in: func() plan.Input {
				d := githubDeclaration()
				d.Spec.ManagementPolicy = binding.Observe
				return input(d)
			},
			want: []string{"noop account username:>octo"}, reason: reason, codes: observed,
		},
	})
}

func TestRepositoriesThatAreOnlyLookedAtAreNotChanged(t *testing.T) {
	const reason = "observed only (managementPolicy Observe)"
	observed := []string{"warning observed-difference"}
	runCases(t, map[string]planCase{
		"links and rules": {
			in: linkCase(func(w *linkWorld) {
				observeOnly(w)
				foreign(w)
				w.state.Link.Trigger = binding.Manual
				w.state.Rules[0].Dockerfile = "/other/Dockerfile"
			}),
			want: []string{
				"noop account", "noop payments/api trigger:manual>auto",
				"noop payments/api#branch:main=>latest dockerfile:/other/Dockerfile>/Dockerfile",
			},
			reason: "bound as declared", codes: append(observed, observed...),
		},
		"rules and images dropped from the declaration stay, beyond any threshold": {
			in: linkCase(func(w *linkWorld) {
				observeOnly(w)
				w.spec.DeletionPolicy, w.spec.Repositories = binding.Unbind, []binding.Repository{}
				w.in.Policy.MinDeletions, w.in.Policy.MaxDeletionPercent = 1, 0
			}),
			want: []string{
				"noop payments/api#branch:main=>latest dockerfile:/Dockerfile>", "noop payments/api source:payments/api>", "noop account",
			},
			codes: append(observed, observed...),
		},
		"a driver that cannot ask gives nobody steps": {
			in:   observeOnlyInput(func(in *plan.Input) { in.Observation.Capabilities = binding.Capabilities{} }),
			want: []string{bindLine2("noop")}, reason: reason, codes: observed,
		},
	})
}

func bindLine2(kind string) string { return strings.Replace(bindLine, "bind", kind, 1) }

// TestWhyARuleIsChanged: a rule of somebody else differs from a declaration that is
// only observed; for a rule that is adopted or was ours, the declaration changed.
func TestWhyARuleIsChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*linkWorld)
		want   plan.Cause
	}{
		"ours":                            {func(*linkWorld) {}, plan.CauseDeclarationChanged},
		"ours, and only looked at":        {observeOnly, plan.CauseDeclarationChanged},
		"somebody else's":                 {func(w *linkWorld) { w.record.Images[0].Rules = nil; w.spec.Adopt = true }, plan.CauseDeclarationChanged},
		"somebody else's, only looked at": {func(w *linkWorld) { w.record.Images[0].Rules = nil; observeOnly(w) }, plan.CauseDiffers},
	} {
		p := plan.Make(linkCase(func(w *linkWorld) {
			w.repository.Rules = []binding.BuildRule{mainRule("/new/Dockerfile")}
			tt.change(w)
		})())
		i := slices.IndexFunc(p.Actions, func(a plan.Action) bool { return a.Object.Rule != "" })
		if i < 0 || p.Actions[i].Cause != tt.want {
			t.Errorf("%s: %q, %+v", name, brief(p), p.Actions)
		}
	}
}

// TestObserveChangesNothingEver checks drawn inputs: whatever differs, is unknown,
// was ours or is missing, an action on a declaration that is only observed changes
// nothing and asks nobody for a step.
func TestObserveChangesNothingEver(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t)
		observed := map[string]bool{}
		for i := range in.Declarations {
			if d := &in.Declarations[i]; rapid.Bool().Draw(t, "observe "+d.Name) {
				d.Spec.ManagementPolicy = binding.Observe
				observed[d.Name] = true
			}
		}
		for _, a := range plan.Make(in).Actions {
			if observed[a.Binding] && (a.Kind != plan.Noop || len(a.Steps) > 0) {
				t.Fatalf("is done for a binding that is only looked at:\n%s", encode(t, a))
			}
		}
		// Actions of other declarations do not change it either: the accounts,
		// links and rules that it declares stay the same.
		w := &world{in: in}
		before := encode(t, observedParts(in, observed))
		w.apply(plan.Make(in))
		if after := encode(t, observedParts(w.in, observed)); before != after {
			t.Fatalf("what is only looked at changed:\n%s\nbecame\n%s", before, after)
		}
	})
}

// observedParts is what the registry has of the observed declarations.
func observedParts(in plan.Input, observed map[string]bool) (parts []any) {
	for _, d := range in.Declarations {
		if !observed[d.Name] {
			continue
		}
		parts = append(parts, in.Observation.Accounts[d.Spec.Platform])
		for _, r := range d.Spec.Repositories {
			parts = append(parts, in.Observation.Repositories[r.Image])
		}
	}
	return slices.Clip(parts)
}

// TestReportCorrectsNoObject checks driftPolicy Report for every kind of object:
// drift is reported once and not corrected, while Correct repairs it.
func TestReportCorrectsNoObject(t *testing.T) {
	drifts := map[string]struct {
		drift   func(*linkWorld)
		repairs string
	}{
		"the account is unbound": {
			func(w *linkWorld) { w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{} }, "bind account",
		},
		"another account is bound": {
			func(w *linkWorld) {
				w.in.Observation.Accounts[binding.GitLab] = binding.AccountState{Account: &binding.Account{ID: "9", Platform: binding.GitLab, Username: "mallory"}}
			}, "rebind account",
		},
		"the source is taken away":       {func(w *linkWorld) { w.state.Link = nil }, "link payments/api"},
		"the source is another":          {func(w *linkWorld) { w.state.Link.Source = "payments/fork" }, "relink payments/api"},
		"the trigger is another":         {func(w *linkWorld) { w.state.Link.Trigger = binding.Manual }, "relink payments/api"},
		"a build rule is taken away":     {func(w *linkWorld) { w.state.Rules = nil }, "add-rule payments/api#branch:main=>latest"},
		"a build rule has another file":  {func(w *linkWorld) { w.state.Rules[0].Dockerfile = "/x/Dockerfile" }, "change-rule payments/api#branch:main=>latest"},
		"a build rule has another image": {func(w *linkWorld) { w.state.Rules[0].ImageTag = "edge" }, "add-rule payments/api#branch:main=>latest"},
	}
	for name, tt := range drifts {
		t.Run(name, func(t *testing.T) {
			corrected := plan.Make(linkCase(tt.drift)())
			if !slices.ContainsFunc(changing(corrected), func(a plan.Action) bool {
				return string(a.Kind)+" "+a.Object.String() == tt.repairs && strings.HasPrefix(text(a.Reason), "drift: ")
			}) {
				t.Errorf("under Correct want %s, got %q", tt.repairs, brief(corrected))
			}
			reported := plan.Make(linkCase(func(w *linkWorld) {
				w.spec.DriftPolicy = binding.Report
				tt.drift(w)
			})())
			if left := changing(reported); len(left) > 0 {
				t.Errorf("under Report something is done: %+v", left)
			}
			if got := codes(reported); !slices.Equal(got, []string{"warning drift"}) {
				t.Errorf("under Report want one finding, got %q", got)
			}
		})
	}
	t.Run("a rule that is not declared any more goes, for that is no drift", func(t *testing.T) {
		p := plan.Make(linkCase(func(w *linkWorld) { w.spec.DriftPolicy, w.repository.Rules = binding.Report, []binding.BuildRule{} })())
		if got := changing(p); len(got) != 1 || got[0].Kind != plan.RemoveRule {
			t.Errorf("want the rule removed, got %q", brief(p))
		}
	})
}
