package plan_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// found is an input in which the declared account is bound, created at a given
// time, and the secret store has version 4 of the token, created at noon.
func found(made time.Time, change func(*binding.Declaration, *plan.Input)) func() plan.Input {
	return func() plan.Input {
		d := gitlabDeclaration()
		account := gitlabAccount()
		account.Created = made
		in := boundTo(input(d), account)
		in.Observation.Tokens[d.Name] = binding.TokenState{Version: 4, Latest: 4, Created: noon()}
		in.Now = noon().Add(time.Hour)
		change(&d, &in)
		in.Declarations = []binding.Declaration{d}
		return in
	}
}

// reported makes drift only reported.
func reported(d *binding.Declaration, _ *plan.Input) { d.Spec.DriftPolicy = binding.Report }

// byStep makes the driver unable to bind, so that a person was asked to bind the
// account with a version of the token.
func byStep(version int) func(*binding.Declaration, *plan.Input) {
	return func(d *binding.Declaration, in *plan.Input) {
		in.Observation.Capabilities.Bind = false
		in.RetryStates = []binding.RetryState{{Instance: "prod", Binding: d.Name, Pending: []binding.PendingSince{{
			Platform: binding.GitLab, Object: binding.AccountObject(), Action: string(plan.Manual), Since: noon(), TokenVersion: version,
		}}}}
	}
}

// TestKind5AVersionIsClaimedOnlyWhereItIsProven: otherwise it is unknown, which one
// rebind settles, or which is reported.
func TestKind5AVersionIsClaimedOnlyWhereItIsProven(t *testing.T) {
	none := func(*binding.Declaration, *plan.Input) {}
	before, after := noon().Add(-time.Minute), noon().Add(time.Minute)
	const unknown = "rebind account token version:(unknown)>4"
	runCases(t, map[string]planCase{
		"the state was lost and the token rotated: the account is older": {
			in: found(before, none), want: []string{unknown}, reason: "not known",
		},
		"the registry does not say when the account was made": {
			in: found(time.Time{}, none), want: []string{unknown}, reason: "not known",
		},
		"the secret store does not say when the version was created": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				in.Observation.Tokens[d.Name] = binding.TokenState{Version: 4, Latest: 4}
			}), want: []string{unknown}, reason: "not known",
		},
		"the store has no versions": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				in.Observation.Tokens[d.Name] = binding.TokenState{Fingerprint: "a"}
			}), want: []string{"rebind account token version:(unknown)>(the store has no versions)"}, reason: "not known",
		},
		"an older version is pinned: the account may have the newer one": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				in.Observation.Tokens[d.Name] = binding.TokenState{Version: 4, Latest: 5, Created: noon()}
			}), want: []string{unknown}, reason: "not known",
		},
		"the account was made after the newest version": {
			in: found(after, none), want: []string{unknown}, reason: "not known",
		},
		"and it is reported where drift is": {
			in: found(after, reported), want: []string{"adopt account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
		"a pin is gone, and what was unknown stays so": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				r := applied(*d)
				r.AccountID, r.TokenVersion = "7", 0
				in.Records = []binding.Record{r}
			}), want: []string{"noop account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
	})
}

// TestKind5AVersionIsKnownByThePersonsStep, if the step asked for this version.
func TestKind5AVersionIsKnownByThePersonsStep(t *testing.T) {
	after := noon().Add(time.Minute)
	const unknown = "rebind account token version:(unknown)>4"
	runCases(t, map[string]planCase{
		"a person bound it by the step that was shown": {
			in: found(after, byStep(4)), want: []string{"adopt account"}, reason: "bound already",
		},
		"a person bound a pinned version by the step that was shown": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				byStep(4)(d, in)
				in.Observation.Tokens[d.Name] = binding.TokenState{Version: 4, Latest: 5, Created: noon()}
			}), want: []string{"adopt account"}, reason: "bound already",
		},
		"a person bound it by a step that asked for another version at first": {
			in:   found(after, byStep(0)),
			want: []string{"adopt account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
		"a person bound it by a step, before the version was made that is declared now": {
			in:   found(after, byStep(3)),
			want: []string{"adopt account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
		"a step was shown, and the driver can bind by now": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				byStep(4)(d, in)
				in.Observation.Capabilities.Bind = true
			}), want: []string{unknown}, reason: "not known",
		},
	})
}

// TestKind5WhoeverBoundTheSameUserAgainMayHaveUsedAnyToken: that is drift.
func TestKind5WhoeverBoundTheSameUserAgainMayHaveUsedAnyToken(t *testing.T) {
	before, after := noon().Add(-time.Minute), noon().Add(time.Minute)
	again := func(d *binding.Declaration, in *plan.Input) {
		r := applied(*d)
		r.AccountID, r.TokenVersion, r.TokenCreated = "1", 4, noon()
		in.Records = []binding.Record{r}
	}
	const unknown = "rebind account token version:(unknown)>4"
	runCases(t, map[string]planCase{
		"a person bound the same user again: which token, nobody knows": {
			in: found(after, again), want: []string{unknown}, reason: "bound the account again",
		},
		"and where drift is only reported, it is reported": {
			in:   found(after, func(d *binding.Declaration, in *plan.Input) { reported(d, in); again(d, in) }),
			want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift"},
		},
		"until the token rotates, which is applied there too": {
			in:   found(before, func(d *binding.Declaration, in *plan.Input) { reported(d, in); again(d, in) }),
			want: []string{unknown}, reason: "bound the account again",
		},
		"or is declared to be kept elsewhere": {
			in: found(after, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				again(d, in)
				in.Records[0].Vault.Path = "acr/elsewhere"
			}), want: []string{unknown}, reason: "bound the account again",
		},
		"but not where nobody knows when the account was made": {
			in:   found(time.Time{}, func(d *binding.Declaration, in *plan.Input) { reported(d, in); again(d, in) }),
			want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift"},
		},
		"nor if the rotated token is not good": {
			in: found(before, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				again(d, in)
				state := in.Observation.Tokens[d.Name]
				state.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Reason: "Revoked"}}
				in.Observation.Tokens[d.Name] = state
			}), want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift", "error host-refused"},
		},
		"nor if the registry refused it": {
			in: found(before, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				again(d, in)
				in.Records[0].Refused = binding.RefusalOf(d.Spec, 4, noon())
				in.Records[0].Refused.At = noon()
			}), want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift"},
		},
		"nor if it has ended": {
			in: found(before, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				again(d, in)
				state := in.Observation.Tokens[d.Name]
				state.Expires, state.ExpiresSource = noon(), binding.FromHost
				in.Observation.Tokens[d.Name] = state
			}), want: []string{"noop account"}, reason: "drift: ", codes: []string{"warning drift", "error token-expiry"},
		},
	})
}

// TestKind5AnUnknownVersionIsReported while it is not settled.
func TestKind5AnUnknownVersionIsReported(t *testing.T) {
	before := noon().Add(-time.Minute)
	const unknown = "rebind account token version:(unknown)>4"
	runCases(t, map[string]planCase{
		"an unknown version is reported where drift is": {
			in: found(before, reported), want: []string{"adopt account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
		"and stays reported": {
			in: found(before, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				r := applied(*d)
				r.TokenVersion = 0
				in.Records = []binding.Record{r}
			}), want: []string{"noop account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
		"until the token rotates, which is applied where drift is reported, too": {
			in: found(before, func(d *binding.Declaration, in *plan.Input) {
				reported(d, in)
				r := applied(*d)
				r.AccountID, r.TokenVersion, r.Applied = "7", 0, noon().Add(-time.Second)
				in.Records = []binding.Record{r}
			}), want: []string{unknown}, reason: "not known",
		},
		"an unknown version stays unknown where the driver cannot bind": {
			in:   found(before, func(_ *binding.Declaration, in *plan.Input) { in.Observation.Capabilities.Bind = false }),
			want: []string{"adopt account"}, reason: "not known", codes: []string{"warning token-version-unknown"},
		},
		"and where the token in the store is not good": {
			in: found(before, func(d *binding.Declaration, in *plan.Input) {
				state := in.Observation.Tokens[d.Name]
				state.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Reason: "Revoked"}}
				in.Observation.Tokens[d.Name] = state
			}), want: []string{"adopt account"}, reason: "not known", codes: []string{"error host-refused", "warning token-version-unknown"},
		},
	})
}

// TestKind5AnUnknownVersionIsNotRemembered as the newest one, whatever else of
// our memory changes.
func TestKind5AnUnknownVersionIsNotRemembered(t *testing.T) {
	for name, in := range map[string]func() plan.Input{
		"adopted": found(noon().Add(-time.Minute), reported),
		"renamed, with the token rotated where drift is reported": found(noon().Add(-time.Minute), func(d *binding.Declaration, in *plan.Input) {
			reported(d, in)
			r := applied(*d)
			r.Binding, r.TokenVersion = "before", 0
			in.Records = []binding.Record{r}
		}),
		"another deletion policy": found(noon().Add(-time.Minute), func(d *binding.Declaration, in *plan.Input) {
			reported(d, in)
			r := applied(*d)
			r.TokenVersion, r.DeletionPolicy = 0, binding.Unbind
			in.Records = []binding.Record{r}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{in: in()}
			w.apply(plan.Make(w.in))
			if len(w.in.Records) != 1 || w.in.Records[0].TokenVersion != 0 || w.in.Records[0].Binding != "payments-gitlab" || w.in.Records[0].DeletionPolicy != binding.Retain {
				t.Errorf("remembered: %+v", w.in.Records)
			}
		})
	}
}

// TestKind5TheRebindIsMadeOnce, and does not count as flapping: the next plan is
// empty.
func TestKind5TheRebindIsMadeOnce(t *testing.T) {
	for name, in := range map[string]func() plan.Input{
		"adopted": found(noon().Add(-time.Minute), func(*binding.Declaration, *plan.Input) {}),
		"remembered without a version": found(noon().Add(-time.Minute), func(d *binding.Declaration, in *plan.Input) {
			r := applied(*d)
			r.TokenVersion = 0
			in.Records = []binding.Record{r}
		}),
		"of a store without versions": found(time.Time{}, func(d *binding.Declaration, in *plan.Input) {
			in.Observation.Tokens[d.Name] = binding.TokenState{Fingerprint: "a"}
		}),
	} {
		t.Run(name, func(t *testing.T) {
			w := &world{in: in()}
			first := plan.Make(w.in)
			if got := strings.Join(brief(first), " "); !strings.HasPrefix(got, "rebind account") {
				t.Fatalf("first: %s", got)
			}
			w.apply(first)
			if left := changing(plan.Make(w.in)); len(left) > 0 {
				t.Errorf("left: %s %s", left[0].Kind, text(left[0].Reason))
			}
		})
	}
}

// TestKind5AFightOverTheSameUserEnds: if somebody binds the same user after each of
// our rebinds, the rebinds stop and this is reported.
func TestKind5AFightOverTheSameUserEnds(t *testing.T) {
	in := found(noon().Add(-time.Minute), func(d *binding.Declaration, in *plan.Input) {
		r := applied(*d)
		r.AccountID = "1"
		in.Records = []binding.Record{r}
	})()
	d := in.Declarations[0]
	for made := range in.Policy.MaxRepairs + 1 {
		p := plan.Make(in)
		if kind, want := p.Actions[0].Kind, map[bool]plan.Kind{false: plan.Rebind, true: plan.Adopt}[made == in.Policy.MaxRepairs]; kind != want {
			t.Errorf("after %d rebinds: %s, want %s", made, kind, want)
		}
		of := binding.Repairs{Object: binding.AccountObject()}
		for range made + 1 {
			of.Made = append(of.Made, binding.NewRepair(in.Now, p.Actions[0].Found()))
		}
		if p.Actions[0].Kind == plan.Rebind {
			in.RetryStates = []binding.RetryState{{Instance: "prod", Binding: d.Name, Digest: d.Spec.Digest(), Repairs: []binding.Repairs{of}}}
		}
	}
}
