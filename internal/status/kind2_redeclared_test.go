package status_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// answered is what is known if everything answers.
func answered(in *plan.Input) {
	building("a/a")(in)
	in.Observation.Tokens["pay"] = binding.TokenState{
		Version: 3, Latest: 3, Expires: noon().AddDate(1, 0, 0), ExpiresSource: "host",
		Answers: []binding.Answer{{Question: binding.QuestionTokenValid, Verdict: binding.Yes, Reason: "Valid"}},
	}
}

// silent is an instance whose registry and secret store do not answer.
func silent(in *plan.Input) {
	in.Observation = binding.Observation{
		Capabilities: in.Observation.Capabilities, Unknown: &binding.Unknown{Reason: "Transient"},
		Tokens: map[string]binding.TokenState{"pay": {Unknown: &binding.Unknown{Reason: "Unreachable"}}},
	}
}

// TestKind2OnlyWhatIsDeclaredAsBeforeIsLastKnown: each change makes the conditions
// that it is about unknown, and no others.
func TestKind2OnlyWhatIsDeclaredAsBeforeIsLastKnown(t *testing.T) {
	account := []binding.ConditionType{binding.Bound, binding.Reachable, binding.TokenValid, binding.RepositoriesLinked, binding.RulesCurrent}
	token := []binding.ConditionType{binding.SecretAvailable, binding.TokenFresh, binding.TokenValid}
	for name, tt := range map[string]struct {
		change func(*binding.Spec)
		// of are the conditions that are unknown after the change.
		of []binding.ConditionType
	}{
		"nothing":          {func(*binding.Spec) {}, nil},
		"a username":       {func(s *binding.Spec) { s.Username = "other" }, account},
		"a path":           {func(s *binding.Spec) { s.Token.Vault.Path = "acr/new" }, token},
		"a pinned version": {func(s *binding.Spec) { s.Token.Vault.Version = 2 }, token},
		"no token":         {func(s *binding.Spec) { s.Token = nil }, token},
		"a source":         {func(s *binding.Spec) { s.Repositories[0].Source = "team/new" }, []binding.ConditionType{binding.RepositoriesLinked, binding.RulesCurrent}},
		"a rule":           {func(s *binding.Spec) { s.Repositories[0].Rules[0].Dockerfile = "/new" }, []binding.ConditionType{binding.RulesCurrent}},
	} {
		round, result := inForce(noon(), answered)
		before := status.Next(nil, round, result)
		round, result = inForce(noon().Add(time.Minute), answered, silent, func(in *plan.Input) { tt.change(&in.Declarations[0].Spec) })
		after := status.Next(before, round, result)
		unplanned := map[string]binding.Status{"pay": status.Unplanned(before["pay"], round.Declarations[0], message.New("condition.registry-not-asked"), round.Now)}
		if kept := unplanned["pay"].Earlier != nil; kept != (tt.of != nil) {
			t.Errorf("%s changed and nothing was planned, what was known before is kept: %t", name, kept)
		}
		for _, of := range append(account, token...) {
			changed := slices.Contains(tt.of, of)
			if c := conditionOf(t, after, of); (c.Status == binding.Unclear) != changed || c.LastKnown == changed || c.Known.IsZero() != changed {
				t.Errorf("%s changed, %s is %+v", name, of, c)
			}
			if c := conditionOf(t, unplanned, of); (c.Status == binding.Unclear) != changed {
				t.Errorf("%s changed and nothing was planned, %s is %+v", name, of, c)
			}
		}
		if c := conditionOf(t, after, binding.Ready); (c.Status == binding.False && c.Reason == status.ReasonNotApplied) != (tt.of != nil) {
			t.Errorf("%s changed, Ready is %+v", name, c)
		}
	}
}

// TestKind2AnAppliedChangeNeedsNoOtherAnswer: image repositories need no token, so
// only the token is unknown.
func TestKind2AnAppliedChangeNeedsNoOtherAnswer(t *testing.T) {
	round, result := inForce(noon(), answered)
	before := status.Next(nil, round, result)
	round, result = inForce(noon().Add(time.Minute), answered, func(in *plan.Input) {
		in.Observation.Tokens["pay"] = binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
		in.Observation.Capabilities.WriteRules = true
		in.Declarations[0].Spec.Repositories[0].Rules[0].Dockerfile = "/new"
	})
	for i, o := range result.Outcomes {
		if o.State == plan.Deferred {
			result.Outcomes[i].State = plan.Done
		}
	}
	if c := conditionOf(t, status.Next(before, round, result), binding.Ready); c.Status != binding.Unclear || c.Reason != "Unreachable" {
		t.Errorf("Ready is %+v", c)
	}
}

// TestKind2ADeclarationThatIsNotPlannedKeepsItsTime if Ready was False before.
func TestKind2ADeclarationThatIsNotPlannedKeepsItsTime(t *testing.T) {
	round, result := inForce(noon(), answered)
	changed := round.Declarations[0]
	changed.Spec.Username = "other"
	s := status.Next(nil, round, result)["pay"]
	for minute := 1; minute <= 3; minute++ {
		at := noon().Add(time.Duration(minute) * time.Minute)
		s = status.Unplanned(s, changed, message.New("condition.registry-not-asked"), at)
		for _, of := range []binding.ConditionType{binding.Ready, binding.Bound} {
			c := conditionOf(t, map[string]binding.Status{"pay": s}, of)
			if since := noon().Add(time.Minute); c.Status == binding.True || !c.LastTransitionTime.Equal(since) {
				t.Errorf("at %s %s is %+v, want it since %s", at, of, c, since)
			}
		}
	}
}

// TestKind2AnImageRepositoryLessIsAChange that needs an answer about that one.
func TestKind2AnImageRepositoryLessIsAChange(t *testing.T) {
	round, result := inForce(noon(), building("a/a", "b/b"))
	before := status.Next(nil, round, result)
	round, result = inForce(noon().Add(time.Minute), building("a/a", "b/b"), func(in *plan.Input) {
		in.Declarations[0].Spec.Repositories = in.Declarations[0].Spec.Repositories[:1]
		in.Observation.Repositories["b/b"] = binding.RepositoryState{Unknown: &binding.Unknown{Reason: "Transient"}}
	})
	c := conditionOf(t, status.Next(before, round, result), binding.Ready)
	if c.Status != binding.False || c.Reason != status.ReasonNotApplied {
		t.Errorf("Ready is %+v", c)
	}
	if why, is := c.Message.Args.Get("why").(message.Message); !is || fmt.Sprint(why.Args.Get("object")) != "b/b" {
		t.Errorf("it does not name b/b: %+v", c.Message)
	}
}

// TestKind2WhatIsDeclaredAgainIsKnownUnlessSomethingWasWritten, or may have been
// written, for the declaration in between.
func TestKind2WhatIsDeclaredAgainIsKnownUnlessSomethingWasWritten(t *testing.T) {
	changed := func(in *plan.Input) {
		in.Declarations[0].Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/new", Key: "token"}}
		in.Declarations[0].Spec.Repositories[0].Rules[0].Dockerfile = "/new"
		in.Observation.Capabilities.WriteRules = true
		in.Observation.Tokens["pay"] = binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
	}
	for state, want := range map[plan.OutcomeState]binding.ConditionStatus{
		plan.Done: binding.Unclear, plan.Failed: binding.Unclear,
		plan.Deferred: binding.True, plan.Held: binding.True, plan.Skipped: binding.True, plan.Stopped: binding.True, plan.Pending: binding.True,
	} {
		round, result := inForce(noon(), answered)
		statuses := statusesAfter(nil, round, result)
		round, result = inForce(noon().Add(time.Minute), answered, changed)
		for i, o := range result.Outcomes {
			if o.Action.Kind.Changes() {
				result.Outcomes[i].State = state
			}
		}
		statuses = statusesAfter(statuses, round, result)
		round, result = inForce(noon().Add(2*time.Minute), answered, silent)
		statuses = statusesAfter(statuses, round, result)
		for _, of := range []binding.ConditionType{binding.SecretAvailable, binding.TokenValid, binding.TokenFresh} {
			if c := conditionOf(t, statuses, of); c.Status != want {
				t.Errorf("%s between: %s is %+v", state, of, c)
			}
		}
	}
}
