package reconcile

import (
	"testing"
	"time"

	"reconciler/internal/apply"
)

// TestAResetDuringARoundStays: what a round found out does not undo what a
// person asked for while it ran.
func TestAResetDuringARoundStays(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	b := newBackoff(apply.Backoff{})
	for _, name := range []string{"reset", "failed", "succeeded"} {
		b.failed(name, "this", now)
	}
	before, after := b.all(), b.all()
	after["reset"] = b.pause.After(after["reset"], "this", now, 0)
	after["failed"] = b.pause.After(after["failed"], "this", now, 0)
	after["new"] = b.pause.After(after["new"], "this", now, 0)
	delete(after, "succeeded")
	b.reset("reset")
	b.take(before, after)
	got := map[string]int{}
	for name, state := range b.all() {
		got[name] = state.Times
	}
	if len(got) != 2 || got["failed"] != 2 || got["new"] != 1 {
		t.Errorf("failures after the round: %v, want failed twice, new once, and no other", got)
	}
}
