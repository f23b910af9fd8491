package status_test

import (
	"errors"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

func noon() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) }

// inForce is a round of one binding that is as declared, with the newest token, and
// its result.
func inForce(at time.Time, change ...func(*plan.Input)) (*plan.Round, plan.Result) {
	vault := binding.VaultRef{Mount: "secret", Path: "acr/pay", Key: "token"}
	in := plan.Input{
		Now: at, Instance: plan.Instance{Name: "prod"}, Policy: plan.DefaultPolicy(),
		Declarations: []binding.Declaration{{Name: "pay", File: "pay.yaml", Spec: binding.Spec{
			Instance: "prod", Platform: binding.Codeup, Username: "ci", Token: &binding.Token{Vault: vault},
		}}},
		Observation: binding.Observation{
			Capabilities: binding.Capabilities{ListAccounts: true, Bind: true, Unbind: true, ReadRepositories: true, ReadSources: true, ReadRules: true},
			Accounts:     map[binding.Platform]binding.AccountState{binding.Codeup: {Account: &binding.Account{ID: "7", Platform: binding.Codeup, Username: "ci"}}},
			Tokens:       map[string]binding.TokenState{"pay": {Version: 3, Latest: 3}},
		},
		Records: []binding.Record{{
			Instance: "prod", Binding: "pay", Platform: binding.Codeup, AccountID: "7", Username: "ci", Managed: true,
			Vault: vault, TokenVersion: 3, DeletionPolicy: binding.Retain,
		}},
	}
	for _, c := range change {
		c(&in)
	}
	round := plan.NewRound(plan.Round{Revision: "r1", Input: in})
	result := plan.Result{Ended: at}
	for _, a := range round.Plan.Actions {
		state := plan.Kept
		if a.Kind.Changes() {
			state = plan.Deferred
		}
		result.Outcomes = append(result.Outcomes, plan.Outcome{Action: a, State: state})
	}
	return round, result
}

func conditionOf(t *testing.T, statuses map[string]binding.Status, of binding.ConditionType) binding.Condition {
	t.Helper()
	c := binding.FindCondition(statuses["pay"].Conditions, of)
	if c == nil {
		t.Fatalf("no condition %s", of)
	}
	return *c
}

// TestKind2OnlyWhatIsInForceIsReady tries every cause and every state of an
// outcome, and an unknown one of each: Ready is True only for those that are known
// to leave nothing to be done.
func TestKind2OnlyWhatIsInForceIsReady(t *testing.T) {
	const unheardOf = "never-heard-of"
	nothingLeft := map[plan.Cause]bool{plan.CauseSettled: true, plan.CauseConfirmed: true, plan.CauseRetained: true, plan.CauseForeign: true}
	notKnown := map[plan.Cause]bool{
		plan.CauseUnknown: true, plan.CauseOffline: true, plan.CauseNotObserved: true, plan.CausePartUnknown: true,
		plan.CauseSecretUnavailable: true, plan.CauseNotConfirmed: true,
	}
	states := []plan.OutcomeState{
		plan.Done, plan.Failed, plan.Skipped, plan.Pending, plan.Held, plan.Stopped, plan.Deferred, plan.Kept, unheardOf,
	}
	for _, cause := range append(plan.Causes(), unheardOf) {
		for _, state := range states {
			for _, kind := range []plan.Kind{plan.Rebind, plan.Authorize, plan.Noop, plan.Forbidden, unheardOf} {
				round, result := inForce(noon())
				o := plan.Outcome{State: state, Action: plan.Action{
					Binding: "pay", Platform: binding.Codeup, Object: binding.AccountObject(), Kind: kind, Cause: cause,
				}}
				if state == plan.Failed {
					o.Err = errors.New("no")
				}
				result.Outcomes = []plan.Outcome{o}
				got := conditionOf(t, statusesAfter(nil, round, result), binding.Ready)
				want := binding.False
				switch keeps := state == plan.Kept && kind == plan.Noop; {
				case cause == plan.CauseFlapping:
				case state == plan.Done && (kind == plan.Rebind || kind == unheardOf), keeps && nothingLeft[cause]:
					want = binding.True
				case keeps && notKnown[cause], state == plan.Kept && cause == plan.CauseNotVisible:
					want = binding.Unclear
				}
				if got.Status != want || got.Reason == "" {
					t.Errorf("%s of cause %s, %s: Ready is %s %s, want %s", kind, cause, state, got.Status, got.Reason, want)
				}
			}
		}
	}
}

// TestKind2EveryWayToHoldAChangeBack makes real plans of every way in which a
// newer token, or what is declared, is not applied.
func TestKind2EveryWayToHoldAChangeBack(t *testing.T) {
	newer := func(in *plan.Input) {
		in.Observation.Tokens["pay"] = binding.TokenState{Version: 4, Latest: 4}
	}
	spec := func(change func(*binding.Spec)) func(*plan.Input) {
		return func(in *plan.Input) { change(&in.Declarations[0].Spec) }
	}
	token := func(change func(*binding.TokenState)) func(*plan.Input) {
		return func(in *plan.Input) {
			state := in.Observation.Tokens["pay"]
			change(&state)
			in.Observation.Tokens["pay"] = state
		}
	}
	for name, tt := range map[string]struct {
		change []func(*plan.Input)
		want   binding.ConditionStatus
		reason string
	}{
		"nothing is held back":            {nil, binding.True, status.ReasonAsDeclared},
		"a window":                        {[]func(*plan.Input){newer}, binding.False, status.ReasonOutsideWindow},
		"a suspension of the declaration": {[]func(*plan.Input){newer, spec(func(s *binding.Spec) { s.Suspend = &binding.Suspend{Until: binding.DateOf(noon())} })}, binding.False, status.ReasonSuspended},
		"a suspension by a person": {[]func(*plan.Input){newer, func(in *plan.Input) {
			in.Suspensions = []binding.Suspension{{Instance: "prod", Binding: "pay", Until: noon().Add(time.Hour)}}
		}}, binding.False, status.ReasonSuspended},
		"a broken file that may declare it": {[]func(*plan.Input){newer, func(in *plan.Input) {
			in.Broken = []string{"other.yaml"}
			in.Records[0].Binding = "other"
		}}, binding.False, status.ReasonFileBroken},
		"another declaration of the platform": {[]func(*plan.Input){newer, func(in *plan.Input) {
			other := in.Declarations[0]
			other.Name = "other"
			in.Declarations = append(in.Declarations, other)
		}}, binding.False, status.ReasonForbidden},
		"a refusal of the registry": {[]func(*plan.Input){newer, func(in *plan.Input) {
			in.Records[0].Refused = binding.RefusalOf(in.Declarations[0].Spec, 4, time.Time{})
			in.Records[0].Refused.At = noon()
		}}, binding.False, status.ReasonTokenRefused},
		"a no of the code host": {[]func(*plan.Input){newer, token(func(s *binding.TokenState) {
			s.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Reason: "TokenRevoked"}}
		})}, binding.False, "TokenRevoked"},
		"an expiry":                 {[]func(*plan.Input){newer, token(func(s *binding.TokenState) { s.Expires, s.ExpiresSource = noon().Add(-time.Hour), "host" })}, binding.False, status.ReasonForbidden},
		"a driver that cannot bind": {[]func(*plan.Input){newer, func(in *plan.Input) { in.Observation.Capabilities.Bind = false }}, binding.False, status.ReasonOutsideWindow},
		"Observe":                   {[]func(*plan.Input){newer, spec(func(s *binding.Spec) { s.ManagementPolicy = binding.Observe })}, binding.False, status.ReasonNotApplied},
		"Report, of drift": {[]func(*plan.Input){spec(func(s *binding.Spec) { s.DriftPolicy = binding.Report }), func(in *plan.Input) {
			in.Observation.Accounts[binding.Codeup].Account.ID = "8"
		}}, binding.False, status.ReasonDiffers},
		"a version that nobody knows": {[]func(*plan.Input){spec(func(s *binding.Spec) { s.DriftPolicy = binding.Report }), func(in *plan.Input) {
			in.Records[0].TokenVersion = 0
		}}, binding.False, status.ReasonVersionUnknown},
		"a secret store that does not answer": {[]func(*plan.Input){token(func(s *binding.TokenState) {
			*s = binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
		})}, binding.Unclear, "Unreachable"},
		"a secret that is gone": {[]func(*plan.Input){token(func(s *binding.TokenState) {
			*s = binding.TokenState{Unknown: &binding.Unknown{Reason: "Deleted", Certain: true}}
		})}, binding.False, "Deleted"},
		"a registry that does not answer": {[]func(*plan.Input){newer, func(in *plan.Input) {
			in.Observation.Unknown = &binding.Unknown{Reason: "Transient"}
		}}, binding.False, status.ReasonNewerVersion},
		"a registry that does not answer, and nothing newer": {[]func(*plan.Input){func(in *plan.Input) {
			in.Observation.Unknown = &binding.Unknown{Reason: "Transient"}
		}}, binding.Unclear, "Transient"},
		"a plan made offline": {[]func(*plan.Input){func(in *plan.Input) {
			in.Observation.Unknown = &binding.Unknown{Reason: binding.Offline}
		}}, binding.Unclear, binding.Offline},
		"an account that is only known from a person, whose token rotated": {[]func(*plan.Input){newer, func(in *plan.Input) {
			in.Observation.Capabilities = binding.Capabilities{}
			in.Observation.Accounts[binding.Codeup] = binding.AccountState{Unknown: &binding.Unknown{Reason: binding.NotCapable}}
		}}, binding.False, status.ReasonOutsideWindow},
		"an account that a person never confirmed, suspended": {[]func(*plan.Input){spec(func(s *binding.Spec) { s.Suspend = &binding.Suspend{Until: binding.DateOf(noon())} }), func(in *plan.Input) {
			in.Observation.Capabilities, in.Records = binding.Capabilities{}, nil
			in.Observation.Accounts[binding.Codeup] = binding.AccountState{Unknown: &binding.Unknown{Reason: binding.NotCapable}}
		}}, binding.False, status.ReasonSuspended},
		"a pinned version, which ignores newer ones": {[]func(*plan.Input){
			spec(func(s *binding.Spec) { s.Token = &binding.Token{Vault: s.Token.Vault}; s.Token.Vault.Version = 3 }),
			token(func(s *binding.TokenState) { s.Latest = 5 }),
		}, binding.True, status.ReasonAsDeclared},
		"the bound token is revoked, and a newer good one waits": {[]func(*plan.Input){newer, token(func(s *binding.TokenState) {
			s.Answers = []binding.Answer{{Question: "token-valid", Verdict: binding.Yes}}
			s.Previous = &binding.PreviousToken{Version: 3}
			s.BoundAnswers = []binding.Answer{{Question: "token-valid", Verdict: binding.No, Reason: "TokenRevoked"}}
		})}, binding.False, "TokenRevoked"},
	} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), tt.change...)
			if got := conditionOf(t, statusesAfter(nil, round, result), binding.Ready); got.Status != tt.want || got.Reason != tt.reason {
				t.Errorf("Ready is %s %s, want %s %s; plan: %+v", got.Status, got.Reason, tt.want, tt.reason, round.Plan.Actions)
			}
		})
	}
}

// TestKind2WithoutAnOutcomeNothingIsReady: without a round that covers it, nothing
// is known.
func TestKind2WithoutAnOutcomeNothingIsReady(t *testing.T) {
	round, result := inForce(noon())
	result.Outcomes = nil
	if got := conditionOf(t, statusesAfter(nil, round, result), binding.Ready); got.Status != binding.Unclear {
		t.Errorf("Ready is %s %s", got.Status, got.Reason)
	}
}

// TestKind2AnAttestationIsKnown, with the person and the time, until the
// declaration or the version changes.
func TestKind2AnAttestationIsKnown(t *testing.T) {
	byHand := func(in *plan.Input) {
		in.Observation.Capabilities = binding.Capabilities{}
		in.Observation.Accounts[binding.Codeup] = binding.AccountState{Unknown: &binding.Unknown{Reason: binding.NotCapable}}
		in.Records[0].Attested = &binding.Confirmation{Person: binding.Person{By: "Ada"}, At: noon()}
	}
	for name, tt := range map[string]struct {
		change func(*plan.Input)
		want   binding.ConditionStatus
	}{
		"as it was confirmed": {func(*plan.Input) {}, binding.True},
		"suspended since": {func(in *plan.Input) {
			in.Suspensions = []binding.Suspension{{Instance: "prod", Until: noon().Add(time.Hour)}}
		}, binding.True},
		"with another version": {func(in *plan.Input) { in.Observation.Tokens["pay"] = binding.TokenState{Version: 4} }, binding.False},
		"declared otherwise":   {func(in *plan.Input) { in.Declarations[0].Spec.Username = "other" }, binding.False},
	} {
		t.Run(name, func(t *testing.T) {
			round, result := inForce(noon(), byHand, tt.change)
			for i, o := range result.Outcomes {
				if o.Action.Kind.ByPerson() {
					result.Outcomes[i].State = plan.Pending
				}
			}
			got := conditionOf(t, statusesAfter(nil, round, result), binding.Bound)
			if got.Status != tt.want {
				t.Errorf("Bound is %s %s", got.Status, got.Reason)
			}
			if got.Status == binding.True && (got.Message.Args.Get("by") != "Ada" || got.Message.Args.Get("at") != noon()) {
				t.Errorf("it does not say by whom and when: %+v", got.Message)
			}
		})
	}
}
