package notify_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/notify"
	"reconciler/internal/plan"
)

// TestOnlyChangesAreReportedAsApplied: the history has other entries too. What a person
// suspends or lets through is no change that was applied.
func TestOnlyChangesAreReportedAsApplied(t *testing.T) {
	t.Parallel()
	entry := func(action string) notify.Facts {
		return notify.Facts{ReadUpTo: "none", History: []binding.HistoryEntry{{Instance: "prod", Binding: "pay", Action: action, Outcome: string(plan.Done)}}}
	}
	for _, action := range []string{"break-glass", "suspend", "resume", "attest", "forget", "suspension-forgotten", "repair", "sync", "authorize", "manual", "noop"} {
		if w := entry(action).Input(); len(w.Events) > 0 {
			t.Errorf("%s is reported as %+v", action, w.Events[0].Message)
		}
	}
	for _, kind := range plan.Kinds() {
		want := 0
		if kind.Changes() && !kind.ByPerson() {
			want = 1
		}
		if w := entry(string(kind)).Input(); len(w.Events) != want {
			t.Errorf("%s: %+v, want %d", kind, w.Events, want)
		}
	}
}
