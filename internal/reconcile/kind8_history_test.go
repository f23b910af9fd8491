package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestKind8TheHistoryHasTheOutcomeOfEveryWrite, including a write that a crash or a
// lost answer left open and that a later run found done.
func TestKind8TheHistoryHasTheOutcomeOfEveryWrite(t *testing.T) {
	bound := func(t *testing.T, w *world) {
		t.Helper()
		if !slices.ContainsFunc(w.History(), func(h binding.HistoryEntry) bool {
			return h.Action == string(plan.Bind) && h.Outcome == string(plan.Done)
		}) {
			t.Errorf("%s is bound, and the history does not say so: %+v", w.Bound(binding.GitLab), w.History())
		}
	}
	bare := gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
	t.Run("a crash", func(t *testing.T) {
		w := newWorld()
		r := w.restarted()
		w.Fault = func(call string) worldtest.Fault {
			w.Dead = w.Dead || call == "bind gitlab"
			return worldtest.Fault{}
		}
		sync1(t, r, desire(bare))
		w.Dead, w.Fault = false, nil
		r = w.restarted()
		w.Passes(5 * time.Minute)
		synced(t, r, desire(bare))
		bound(t, w)
	})
	t.Run("a lost answer", func(t *testing.T) {
		w := newWorld()
		r := w.restarted()
		w.Fault = func(call string) worldtest.Fault {
			switch call {
			case "bind gitlab":
				return worldtest.Fault{After: errDead}
			case "account gitlab":
				if w.Effects["bind gitlab"] > 0 {
					return worldtest.Fault{Before: errDead}
				}
			}
			return worldtest.Fault{}
		}
		sync1(t, r, desire(bare))
		w.Fault = nil
		w.Passes(5 * time.Minute)
		synced(t, r, desire(bare))
		bound(t, w)
	})
}

// TestKind2AStepThatIsTakenBackIsNotDone: a person was asked for a step, and the
// declaration no longer asks for it. Nobody did it.
func TestKind2AStepThatIsTakenBackIsNotDone(t *testing.T) {
	w := newWorld()
	r := w.restarted()
	synced(t, r, desire(gitlab()))
	w.Caps.LinkRepositories = false
	w.Passes(5 * time.Minute)
	sync1(t, r, desire(gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" })))
	if conditionOf(t, r, "pay-gitlab", binding.Ready).Reason != "AwaitingPerson" {
		t.Fatal("nobody is asked")
	}
	w.Passes(5 * time.Minute)
	synced(t, r, desire(gitlab()))
	for _, h := range w.History() {
		if h.ID == "history.step-done" {
			t.Errorf("%s %s %s: %s", h.Action, h.Object, h.Outcome, h.ID)
		}
	}
}
