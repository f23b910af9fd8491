package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestKind7TheSecondHalfDoesNotWaitForAWindow: a rule is replaced, the process ends
// between its removal and the addition, and the window closes. The rule is added
// anyway, just as an account that we unbound is bound again.
func TestKind7TheSecondHalfDoesNotWaitForAWindow(t *testing.T) {
	w, r, d := crashedBetweenHalves(t)
	for range 3 {
		w.Passes(5 * time.Minute)
		result := sync1(t, r, d)
		for _, o := range result.Outcomes {
			t.Logf("%s %s (%s): %s", o.Action.Kind, o.Action.Object, o.Action.Cause, o.State)
		}
	}
	if len(w.Repos["pay/api"].Rules) != 2 {
		t.Errorf("no rule builds latest until a window opens: %+v", w.Repos["pay/api"].Rules)
	}
}

// crashedBetweenHalves is a world in which a rule is replaced and the process ended
// between its removal and the addition. It returns a new reconciler and what is
// declared. The windows are closed.
func crashedBetweenHalves(t *testing.T) (*world, *reconcile.Reconciler, plan.Desired) {
	t.Helper()
	w := newWorld()
	r := windowed(w, nightly(t))
	w.Now = w.Now.Add(3 * time.Hour)
	synced(t, r, desire(gitlab(unbinds)))
	d := desire(gitlab(unbinds, func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "trunk" }))
	removed := false
	w.Fault = func(call string) fault {
		if strings.HasPrefix(call, "remove-rule") {
			removed = true
		} else if removed {
			w.Dead = true
			return fault{Before: errDead}
		}
		return fault{}
	}
	sync1(t, r, d)
	if len(w.Repos["pay/api"].Rules) != 1 {
		t.Fatalf("%+v", w.Repos["pay/api"].Rules)
	}
	w.Dead, w.Fault = false, nil
	w.Now = w.Now.Add(12 * time.Hour)
	return w, windowed(w, nightly(t)), d
}
