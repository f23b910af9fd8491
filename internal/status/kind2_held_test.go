package status_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// TestKind2ASuspensionIsNoShortfall: it makes Ready False only if something is due.
func TestKind2ASuspensionIsNoShortfall(t *testing.T) {
	byPerson := func(in *plan.Input) {
		in.Suspensions = []binding.Suspension{{Instance: "prod", Until: noon().Add(time.Hour)}}
	}
	declared := func(in *plan.Input) {
		in.Declarations[0].Spec.Suspend = &binding.Suspend{Until: binding.DateOf(noon())}
	}
	const True, False = binding.True, binding.False
	for name, tt := range map[string]struct {
		change func(*plan.Input)
		want   binding.ConditionStatus
	}{
		"nothing is due":              {func(*plan.Input) {}, True},
		"a newer version":             {func(in *plan.Input) { in.Observation.Tokens["pay"] = binding.TokenState{Version: 4, Latest: 4} }, False},
		"another account is declared": {func(in *plan.Input) { in.Declarations[0].Spec.Username = "other" }, False},
		"a repository is declared": {func(in *plan.Input) {
			in.Declarations[0].Spec.Repositories = []binding.Repository{{Image: "pay/api", Source: "org/api"}}
		}, False},
		"a person unbound it":            {func(in *plan.Input) { in.Observation.Accounts[binding.Codeup] = binding.AccountState{} }, False},
		"a person bound it again":        {func(in *plan.Input) { in.Observation.Accounts[binding.Codeup].Account.ID = "8" }, False},
		"nothing is remembered":          {func(in *plan.Input) { in.Records = nil }, False},
		"it was applied by another name": {func(in *plan.Input) { in.Records[0].Binding = "old" }, False},
		"the registry does not answer":   {func(in *plan.Input) { in.Observation.Unknown = &binding.Unknown{Reason: "Transient"} }, False},
		"the secret store does not": {func(in *plan.Input) {
			in.Observation.Tokens["pay"] = binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
		}, False},
	} {
		for who, suspend := range map[string]func(*plan.Input){"a person": byPerson, "the declaration": declared} {
			t.Run(name+", by "+who, func(t *testing.T) {
				next := statusesAfter(nil, first(inForce(noon(), tt.change, suspend)), second(inForce(noon(), tt.change, suspend)))
				ready, is := conditionOf(t, next, binding.Ready), conditionOf(t, next, binding.Suspended)
				if ready.Status != tt.want || is.Status != True {
					t.Errorf("Ready is %s %s, want %s; Suspended is %s", ready.Status, ready.Reason, tt.want, is.Status)
				}
			})
		}
	}
}

// TestKind2WhatNothingDeclaresIsNotReady, whatever the reason why it is kept.
func TestKind2WhatNothingDeclaresIsNotReady(t *testing.T) {
	for name, tt := range map[string]struct {
		undeclare func(*plan.Input)
		want      binding.ConditionStatus
	}{
		"its file was removed, and it is retained": {func(*plan.Input) {}, binding.Unclear},
		"its file was removed, and it may not be":  {func(in *plan.Input) { in.Records[0].DeletionPolicy = binding.Unbind }, binding.False},
		"a rewritten history is without its file":  {func(in *plan.Input) { in.Records[0].DeletionPolicy, in.Rewritten = binding.Unbind, true }, binding.False},
		"it is suspended by a person since": {func(in *plan.Input) {
			in.Suspensions = []binding.Suspension{{Instance: "prod", Until: noon().Add(9 * time.Hour)}}
		}, binding.Unclear},
		"the registry does not answer": {func(in *plan.Input) { in.Observation.Unknown = &binding.Unknown{Reason: "Transient"} }, binding.Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			before := statusesAfter(nil, first(inForce(noon())), second(inForce(noon())))
			if c := conditionOf(t, before, binding.Ready); c.Status != binding.True {
				t.Fatalf("declared, Ready is %s %s", c.Status, c.Reason)
			}
			later := noon().Add(time.Hour)
			round, result := inForce(later, func(in *plan.Input) { in.Declarations = nil }, tt.undeclare)
			next := statusesAfter(before, round, result)
			ready, declared := conditionOf(t, next, binding.Ready), conditionOf(t, next, binding.Declared)
			if ready.Status != tt.want || !ready.LastTransitionTime.Equal(later) || ready.Reason == status.ReasonAsDeclared {
				t.Errorf("Ready is %s %s since %s, Declared %s %s", ready.Status, ready.Reason, ready.LastTransitionTime, declared.Status, declared.Reason)
			}
			again := statusesAfter(next, first(inForce(later.Add(time.Hour), func(in *plan.Input) { in.Declarations = nil }, tt.undeclare)), result)
			if c := conditionOf(t, again, binding.Declared); !c.LastTransitionTime.Equal(later) {
				t.Errorf("Declared is False since %s", c.LastTransitionTime)
			}
		})
	}
}

// TestKind2ARemovalSaysWhenItsWindowOpens, as every other change outside of a window
// does.
func TestKind2ARemovalSaysWhenItsWindowOpens(t *testing.T) {
	nightly, err := plan.ParseSchedule("0 22 * * *")
	if err != nil {
		t.Fatal(err)
	}
	windows := func(in *plan.Input) {
		in.Windows.Allow = []plan.Window{{Schedule: nightly, Zone: time.UTC, Length: time.Hour}}
	}
	removed := func(in *plan.Input) {
		in.Declarations, in.Records[0].DeletionPolicy, in.Policy.AllowDeletions = nil, binding.Unbind, true
	}
	for name, change := range map[string]func(*plan.Input){
		"it is no longer declared": removed,
		"another user is declared": func(in *plan.Input) { in.Declarations[0].Spec.Username = "other" },
		"a newer version":          func(in *plan.Input) { in.Observation.Tokens["pay"] = binding.TokenState{Version: 4, Latest: 4} },
	} {
		before := statusesAfter(nil, first(inForce(noon(), windows)), second(inForce(noon(), windows)))
		round, result := inForce(noon(), windows, change)
		ready := conditionOf(t, statusesAfter(before, round, result), binding.Ready)
		opens, _ := ready.Message.Args.Get("opens").(message.Message)
		if ready.Reason != status.ReasonOutsideWindow || opens.IsZero() {
			t.Errorf("%s: Ready is %s %s %v, which does not say when the window opens", name, ready.Status, ready.Reason, ready.Message)
		}
	}
}
