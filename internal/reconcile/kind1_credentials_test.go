package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestKind1CredentialsAreRejectedOnlyWhileTheyAre: the condition of the instance
// ends when the rejected call succeeds, whatever else waits, and a restart does not
// end it.
func TestKind1CredentialsAreRejectedOnlyWhileTheyAre(t *testing.T) {
	forbidden := fault{Before: &binding.Failure{Kind: binding.Forbidden, Code: "Forbidden", Op: message.Verbatim("no")}}
	is := func(t *testing.T, r *reconcile.Reconciler, want binding.ConditionStatus) {
		t.Helper()
		if c := binding.FindCondition(r.Conditions(), binding.CredentialsAccepted); c == nil || c.Status != want {
			t.Errorf("%+v, want %s", c, want)
		}
	}
	for name, reads := range map[string]string{"a read of the secret store": "metadata acr/gitlab", "a read of the registry": "account"} {
		t.Run(name+", and a window that is closed", func(t *testing.T) {
			w := newWorld()
			r := windowed(w, nightly(t))
			w.Now = w.Now.Add(4 * time.Hour)
			synced(t, r, desire(gitlab(), codeup()))
			w.Now = w.Now.Add(12 * time.Hour)
			w.Tokens["acr/codeup"] = append(w.Tokens["acr/codeup"], "canary-codeup-2")
			w.FailOn(reads, forbidden)
			sync1(t, r, desire(gitlab(), codeup()))
			is(t, r, binding.False)
			w.Fault = nil
			for range 3 {
				w.Passes(10 * time.Minute)
				result := sync1(t, r, desire(gitlab(), codeup()))
				if result.Count(plan.Deferred) == 0 {
					t.Fatal("nothing waits for a window")
				}
			}
			is(t, r, binding.True)
		})
	}
	t.Run("a bind, and a restart", func(t *testing.T) {
		w := newWorld()
		w.FailOn("bind", forbidden)
		r := w.restarted()
		sync1(t, r, desire(gitlab()))
		is(t, r, binding.False)
		w.Passes(time.Second)
		r = w.restarted()
		if result := sync1(t, r, desire(gitlab())); result.Count(plan.Held) == 0 {
			t.Fatalf("not held: %+v", result)
		}
		is(t, r, binding.False)
	})
}
