package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestKind9WhatIsAdoptedBeforeTheAccountIsBoundIsAdoptedOnce: a binding is removed
// and declared again outside of the windows, so its account waits. Meanwhile, a
// person linked its source and created one of its rules.
func TestKind9WhatIsAdoptedBeforeTheAccountIsBoundIsAdoptedOnce(t *testing.T) {
	w := newWorld()
	d := gitlab(unbinds)
	r := windowed(w, plan.Windows{})
	synced(t, r, desire(d))
	w.Passes(time.Hour)
	sync1(t, r, desire())
	w.Repos["pay/api"].Link = &binding.Link{Platform: binding.GitLab, Source: "pay/api", Trigger: binding.Auto, BuildCache: true}
	w.Repos["pay/api"].Rules = append(w.Repos["pay/api"].Rules, binding.ObservedRule{ID: "4711", BuildRule: d.Spec.Repositories[0].Rules[0]})
	w.Passes(time.Hour)
	w.Passes(10 * time.Hour)
	r = windowed(w, nightly(t)) // It is closed.
	adopted := 0
	for range 3 {
		for _, o := range sync1(t, r, desire(d)).Outcomes {
			if o.Action.Kind == plan.Adopt && o.State == plan.Done {
				adopted++
			}
		}
		w.Passes(time.Minute)
	}
	if adopted != 2 { // The source and the rule, because our own were shown as removed.
		t.Errorf("adopted %d times", adopted)
	}
}
