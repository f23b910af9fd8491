package reconcile

import (
	"testing"
	"time"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestAResetDuringARoundStays: the result of a round does not undo a reset that a
// person asked for while it ran.
func TestAResetDuringARoundStays(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	b := newBackoff(apply.Backoff{})
	for _, name := range []string{"reset", "failed", "succeeded"} {
		b.failed(name, "this", now)
	}
	round, result := &plan.Round{Retries: b.all()}, plan.Result{Ended: now}
	for name, after := range map[string]*binding.Failed{"reset": {Times: 2}, "failed": {Times: 2}, "new": {Times: 1}, "succeeded": nil} {
		result.Outcomes = append(result.Outcomes, plan.Outcome{Action: plan.Action{Binding: name}, Retry: binding.RetryState{Failed: after}})
	}
	b.reset("reset")
	b.take(round, result)
	got := map[string]int{}
	for name, state := range b.all() {
		got[name] = state.Times
	}
	if len(got) != 2 || got["failed"] != 2 || got["new"] != 1 {
		t.Errorf("failures after the round: %v, want failed twice, new once, and no other", got)
	}
}
