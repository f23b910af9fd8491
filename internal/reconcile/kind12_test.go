package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestKind12AFailureWhileTheClockWasAheadIsTriedAgain after its usual pause and not
// after a day, whether the process or the state file remembers it.
func TestKind12AFailureWhileTheClockWasAheadIsTriedAgain(t *testing.T) {
	for name, restart := range map[string]bool{"in the same process": false, "after a restart": true} {
		for _, ahead := range []time.Duration{time.Hour, 20 * time.Hour, 30 * 24 * time.Hour} {
			t.Run(name+", "+ahead.String(), func(t *testing.T) {
				w := newWorld()
				r := reconcile.New(w.options())
				synced(t, r, desire(gitlab()))
				right := w.Now
				w.Now = right.Add(ahead)
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
				w.FailOn("unbind", fault{Before: &binding.Failure{Kind: binding.Transient}})
				if sync1(t, r, desire(gitlab())).Count(plan.Failed) == 0 {
					t.Fatal("nothing failed")
				}
				w.Now, w.Fault = right.Add(time.Second), nil
				if restart {
					r = w.restarted()
				}
				sync1(t, r, desire(gitlab()))
				w.Now = w.Now.Add(time.Minute)
				synced(t, r, desire(gitlab()))
				if got := w.Bound(binding.GitLab); got != "canary-gitlab-2" {
					t.Errorf("a minute after the clock is right again %q is bound", got)
				}
			})
		}
	}
}

// TestKind12RepairsOfAClockThatWasAhead count from when it is right again: they
// stop counting after the time of the policy.
func TestKind12RepairsOfAClockThatWasAhead(t *testing.T) {
	w := newWorld()
	o := w.options()
	o.Policy.MaxRepairs, o.Policy.RepairsWithin = 2, time.Hour
	r := reconcile.New(o)
	synced(t, r, desire(codeup()))
	right := w.Now
	w.Now = right.AddDate(0, 0, 30)
	for range 2 {
		w.ConsoleUnbinds(binding.Codeup)
		synced(t, r, desire(codeup()))
	}
	w.Now = right.Add(time.Second)
	synced(t, r, desire(codeup()))
	for _, e := range w.RetryStates() {
		for _, of := range e.Repairs {
			for _, made := range of.Made {
				if made.At.After(w.Now) {
					t.Errorf("a repair is remembered as made at %s, and it is %s", made.At, w.Now)
				}
			}
		}
	}
	w.Now = w.Now.Add(2 * time.Hour)
	w.ConsoleUnbinds(binding.Codeup)
	synced(t, r, desire(codeup()))
	if w.Bound(binding.Codeup) == "" {
		t.Error("two hours after the clock is right again the repairs of the future still count")
	}
}

// TestKind12AStepThatBeganInTheFuture counts as waiting from now on, and its
// deadline follows from that.
func TestKind12AStepThatBeganInTheFuture(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	d := binding.Declaration{Name: "web", File: "web.yaml", Spec: binding.Spec{
		Instance: instance, Platform: binding.GitHub, Username: "octo", DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
	}}
	right := w.Now
	w.Now = right.AddDate(0, 0, 30)
	sync1(t, r, desire(d))
	w.Now = right
	sync1(t, r, desire(d))
	if got := statusOf(t, r, "web").Pending[0].Since; got.After(w.Now) {
		t.Errorf("it waits since %s, and it is %s", got, w.Now)
	}
	w.Now = w.Now.AddDate(0, 0, 8)
	sync1(t, r, desire(d))
	if !statusOf(t, r, "web").Pending[0].Overdue {
		t.Error("after eight days it is not overdue")
	}
}
