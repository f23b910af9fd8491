package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
)

// TestKind11AnAuthorizationIsPendingUntilItIsSeen: while the registry does not
// answer, it is unknown whether it was done.
func TestKind11AnAuthorizationIsPendingUntilItIsSeen(t *testing.T) {
	for name, then := range map[string]func(*world, *binding.Declaration){
		"the registry is down": func(w *world, _ *binding.Declaration) { w.FailOn("account", fault{Before: errDead}) },
	} {
		w := newWorld()
		r := w.restarted()
		d := github()
		sync1(t, r, desire(d))
		if c := conditionOf(t, r, d.Name, binding.AwaitingAuthorization); c.Status != binding.True {
			t.Fatalf("%+v", c)
		}
		then(w, &d)
		w.Passes(5 * time.Minute)
		sync1(t, r, desire(d))
		if c := conditionOf(t, r, d.Name, binding.AwaitingAuthorization); c.Status == binding.False {
			t.Errorf("%s: AwaitingAuthorization is %s (%s): %s", name, c.Status, c.Reason, text(c.Message))
		}
	}
}

// TestKind11AStepStaysWhileNobodyKnowsWhetherItIsDone: the registry does not answer
// for a short time. The step, since when it waits and whether it is overdue are
// still known.
func TestKind11AStepStaysWhileNobodyKnowsWhetherItIsDone(t *testing.T) {
	w := newWorld()
	r := w.restarted()
	d := github()
	sync1(t, r, desire(d))
	before, _ := r.Status(d.Name)
	if len(before.Pending) != 1 {
		t.Fatalf("%+v", before.Pending)
	}
	w.FailOn("account", fault{Before: errDead})
	w.Passes(5 * time.Minute)
	sync1(t, r, desire(d))
	after, _ := r.Status(d.Name)
	if len(after.Pending) != 1 || !after.Pending[0].Since.Equal(before.Pending[0].Since) {
		t.Errorf("%+v, remembered: %+v", after.Pending, w.RetryStates()[d.Name].Pending)
	}
}
