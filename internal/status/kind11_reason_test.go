package status_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// TestKind11WhatIsUnknownHasNoReasonOfWhatWasKnown: a condition that was never
// known does not get the reason of a last known condition that it follows from.
func TestKind11WhatIsUnknownHasNoReasonOfWhatWasKnown(t *testing.T) {
	exists := project(binding.QuestionProjectExists, binding.Yes, "ProjectExists")
	noSecret := func(in *plan.Input) {
		in.Observation.Tokens["pay"] = binding.TokenState{Unknown: &binding.Unknown{Reason: "Unreachable"}}
	}
	var statuses map[string]binding.Status
	for n, change := range []func(*plan.Input){linkedTo(exists, noSecret), linkedTo(exists, noSecret), linkedTo(noProject()), linkedTo(noProject(), noSecret)} {
		round, result := inForce(noon().Add(time.Duration(n)*time.Minute), change)
		statuses = statusesAfter(statuses, round, result)
		for _, c := range statuses["pay"].Conditions {
			if last := strings.HasSuffix(c.Reason, status.SuffixLastKnown); last != c.LastKnown || last && c.Status == binding.Unclear {
				t.Errorf("round %d: %s is %s %s, last known: %v", n, c.Type, c.Status, c.Reason, c.LastKnown)
			}
		}
	}
}
