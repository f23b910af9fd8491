package reconcile_test

import (
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

func (w *world) suspends(t *testing.T, name string, until time.Time) {
	t.Helper()
	must(t, w.State.PutSuspension(t.Context(), binding.Suspension{
		Instance: instance, Binding: name, Until: until, Reason: "migration", Person: ada(),
	}))
}

func (w *world) suspensions(t *testing.T) []binding.Suspension {
	t.Helper()
	all, err := w.State.Suspensions(t.Context(), instance)
	must(t, err)
	return all
}

// TestASuspensionEndsByItself: its end alone makes the loop sync, and a day later
// it is forgotten.
func TestASuspensionEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.suspends(t, "pay-codeup", time.Now().Add(time.Minute))
		l, syncs := loop(t, w, nil)
		l.Submit(desire(codeup()))
		after(59 * time.Second)
		if w.Bound(binding.Codeup) != "" || syncs.Load() != 1 {
			t.Fatalf("before the end: bound %q, %d syncs", w.Bound(binding.Codeup), syncs.Load())
		}
		after(2 * time.Second)
		if w.Bound(binding.Codeup) == "" || syncs.Load() != 2 {
			t.Errorf("after the end: bound %q, %d syncs", w.Bound(binding.Codeup), syncs.Load())
		}
		after(23 * time.Hour)
		if len(w.suspensions(t)) != 1 {
			t.Errorf("within a day of its end it is forgotten")
		}
		after(time.Hour + 10*time.Minute)
		if left := w.suspensions(t); len(left) != 0 {
			t.Errorf("more than a day after its end it is still there: %+v", left)
		}
		if last := w.History()[len(w.History())-1]; last.Action != "suspension-forgotten" || last.Binding != "pay-codeup" {
			t.Errorf("the history ends with %+v", last)
		}
	})
}

// TestASuspensionThatEndsWhileASyncIsUnderWay has an effect at once, and not only
// at the drift interval.
func TestASuspensionThatEndsWhileASyncIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.suspends(t, "pay-codeup", time.Now().Add(time.Minute))
		slow := true
		l, syncs := loop(t, w, func(e plan.Event) {
			if e.Kind == plan.PlanMade && slow {
				slow = false
				time.Sleep(2 * time.Minute)
			}
		})
		l.Submit(desire(codeup()))
		after(2*time.Minute + time.Second)
		if w.Bound(binding.Codeup) == "" || syncs.Load() != 2 {
			t.Errorf("bound %q, %d syncs", w.Bound(binding.Codeup), syncs.Load())
		}
	})
}

func TestADeclaredSuspensionEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := newWorld(), codeup()
		d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(time.Now()), Reason: "freeze", Owner: "pay"}
		l, _ := loop(t, w, nil)
		l.Submit(desire(d))
		synctest.Wait()
		time.Sleep(time.Until(d.Spec.Suspend.End()) - time.Millisecond)
		synctest.Wait()
		if w.Bound(binding.Codeup) != "" {
			t.Fatal("bound before the day was over")
		}
		after(2 * time.Millisecond)
		if w.Bound(binding.Codeup) == "" {
			t.Error("not bound when the day was over")
		}
	})
}

func TestWhatAPersonSuspendsHasACondition(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(codeup(), gitlab()))
	w.suspends(t, "", w.Now.Add(time.Hour))
	// It is held even though it is no longer declared.
	synced(t, r, desire(codeup()))
	for _, name := range []string{"pay-codeup", "pay-gitlab"} {
		c := conditionOf(t, r, name, binding.Suspended)
		if c.Status != binding.True || c.Reason != status.ReasonSuspended || text(c.Message) != "until 2026-05-01T13:00:00Z, by Ada Lovelace: migration" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if w.Bound(binding.GitLab) == "" {
		t.Error("what is suspended was removed")
	}
	w.Now = w.Now.Add(time.Hour)
	synced(t, r, desire(codeup()))
	if c := conditionOf(t, r, "pay-codeup", binding.Suspended); c.Status != binding.False || text(c.Message) != "the one by Ada Lovelace ended at 2026-05-01T13:00:00Z" {
		t.Errorf("after its end: %+v", c)
	}
	for _, s := range w.suspensions(t) {
		must(t, w.State.DeleteSuspension(t.Context(), s))
	}
	synced(t, r, desire(codeup()))
	for _, s := range r.Statuses() {
		if c := binding.FindCondition(s.Conditions, binding.Suspended); c != nil {
			t.Errorf("resumed: %s: %+v", s.Name, c)
		}
	}
}
