package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestKind8WhoLetAChangeThroughIsNamedForAllOfIt: a rule is replaced outside of the
// windows, because a person allows it. The history names the person for both
// halves.
func TestKind8WhoLetAChangeThroughIsNamedForAllOfIt(t *testing.T) {
	w := newWorld()
	r := windowed(w, nightly(t))
	w.Now = w.Now.Add(3 * time.Hour)
	synced(t, r, desire(gitlab(unbinds)))
	w.Now = w.Now.Add(12 * time.Hour)
	d := desire(gitlab(unbinds, func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "trunk" }))
	d.BreakGlass = []plan.BreakGlass{{Person: ada(), Reason: "incident", Binding: "pay-gitlab"}}
	before := len(w.History())
	synced(t, r, d)
	all := w.History()
	n := 0
	for _, h := range all[:len(all)-before] {
		t.Logf("%s %s %s by %q", h.Action, h.Object, h.Outcome, h.By)
	}
	for _, h := range all {
		if h.Time.Equal(w.Now) {
			if n++; h.By == "" {
				t.Errorf("%s %s %s: nobody let it through", h.Action, h.Object, h.Outcome)
			}
		}
	}
	if n < 3 {
		t.Errorf("%d entries", n)
	}
}
