package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
)

// TestKind5WhatWeBoundAgainOurselvesIsKnown: the new token is rejected, and the
// previous one is bound again in the same sync. The bound version is known at once,
// and not only after the next sync. The time of the next attempt is the one in the
// message.
func TestKind5WhatWeBoundAgainOurselvesIsKnown(t *testing.T) {
	_, r := rejectedTokenWorld(t)
	for of, want := range map[binding.ConditionType]string{
		binding.TokenFresh: "NewerVersion", binding.TokenValid: "Answered",
	} {
		if c := conditionOf(t, r, "pay-gitlab", of); c.Reason != want {
			t.Errorf("%s is %s (%s): %s, want %s", of, c.Status, c.Reason, text(c.Message), want)
		}
	}
	s, _ := r.Status("pay-gitlab")
	if s.Retry != nil && s.Retry.Next.Sub(s.LastSync) < 23*time.Hour {
		t.Errorf("the next attempt is shown in %s, and is in a day", s.Retry.Next.Sub(s.LastSync))
	}
}
