package reconcile_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// refusing is a world whose registry refuses to bind GitLab, and a reconciler
// that has tried it three times.
func refusing(t *testing.T) (*world, *reconcile.Reconciler, plan.Desired) {
	t.Helper()
	w := newWorld()
	w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Refused, Op: message.Verbatim("registry: bind")}})
	r := reconcile.New(w.options())
	d := desire(gitlab(), codeup())
	for range 3 {
		sync1(t, r, d)
		w.Passes(statusOf(t, r, "pay-gitlab").Retry.Next.Sub(w.Clock()))
	}
	w.Passes(-time.Second) // Just before it is due again.
	if n := w.Count("bind gitlab"); n != 3 {
		t.Fatalf("tried %d times", n)
	}
	return w, r, d
}

// restarted is a reconciler of a new process, run as by a daemon.
func (w *world) restarted() *reconcile.Reconciler {
	r := reconcile.New(w.options())
	over, end := context.WithCancel(context.Background())
	end()
	_ = reconcile.NewLoop(r, reconcile.LoopOptions{}).Run(over) // It always returns nil.
	return r
}

// TestOnlySomethingElseToTryOrAPersonEndsThePause checks that a failed action is
// not tried again after too short a time, a push, an event of a different binding,
// or a restart.
func TestOnlySomethingElseToTryOrAPersonEndsThePause(t *testing.T) {
	for name, tt := range map[string]struct {
		do    func(t *testing.T, w *world, r *reconcile.Reconciler, d *plan.Desired) *reconcile.Reconciler
		tried bool
	}{
		"looks for drift": {func(t *testing.T, _ *world, r *reconcile.Reconciler, d *plan.Desired) *reconcile.Reconciler {
			for range 5 {
				sync1(t, r, *d)
			}
			return r
		}, false},
		"a push that changes nothing of it": {func(_ *testing.T, _ *world, r *reconcile.Reconciler, d *plan.Desired) *reconcile.Reconciler {
			d.Revision, d.Declarations[0].Revision = "r2", "r2"
			return r
		}, false},
		"another binding's declaration": {func(_ *testing.T, _ *world, r *reconcile.Reconciler, d *plan.Desired) *reconcile.Reconciler {
			d.Declarations[1].Spec.DeletionPolicy = binding.Retain
			return r
		}, false},
		"another binding's token": {func(_ *testing.T, w *world, r *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			w.Tokens["acr/codeup"] = append(w.Tokens["acr/codeup"], "canary-codeup-2")
			return r
		}, false},
		"another binding's drift": {func(_ *testing.T, w *world, r *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			w.ConsoleUnbinds(binding.Codeup)
			return r
		}, false},
		"a person who means another binding": {func(t *testing.T, _ *world, r *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			if _, err := r.Reset(t.Context(), "pay-codeup", ada()); err != nil {
				t.Fatal(err)
			}
			return r
		}, false},
		"its file breaks and is mended": {func(t *testing.T, _ *world, r *reconcile.Reconciler, d *plan.Desired) *reconcile.Reconciler {
			sync1(t, r, plan.Desired{Revision: "r2", Declarations: d.Declarations[1:], Broken: []string{"pay.yaml"}})
			return r
		}, false},
		"a restart": {func(_ *testing.T, w *world, _ *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			return w.restarted()
		}, false},
		"a person's own run": {func(_ *testing.T, w *world, _ *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			return reconcile.New(w.options())
		}, true},
		"another declaration": {func(_ *testing.T, _ *world, r *reconcile.Reconciler, d *plan.Desired) *reconcile.Reconciler {
			d.Declarations[0].Spec.Username = "other-bot"
			return r
		}, true},
		"another version of its token": {func(_ *testing.T, w *world, r *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
			return r
		}, true},
		"a person": {func(t *testing.T, _ *world, r *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			if _, err := r.Reset(t.Context(), "pay-gitlab", ada()); err != nil {
				t.Fatal(err)
			}
			return r
		}, true},
		"a person, before a restart": {func(t *testing.T, w *world, r *reconcile.Reconciler, _ *plan.Desired) *reconcile.Reconciler {
			if _, err := r.Reset(t.Context(), "pay-gitlab", ada()); err != nil {
				t.Fatal(err)
			}
			return w.restarted()
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w, r, d := refusing(t)
			r = tt.do(t, w, r, &d)
			sync1(t, r, d)
			s, want := statusOf(t, r, "pay-gitlab"), 3
			if tt.tried {
				want = 1
			}
			if tried := w.Count("bind gitlab") > 3; tried != tt.tried || s.Retry == nil || s.Retry.Failures != want {
				t.Errorf("tried again: %v, want %v; retry %+v, want %d failures", tried, tt.tried, s.Retry, want)
			}
			if c := conditionOf(t, r, "pay-codeup", binding.Bound); c.Status != binding.True {
				t.Errorf("the other binding is %+v", c)
			}
		})
	}
}

func TestAPauseEndsWithItsFailure(t *testing.T) {
	t.Run("what is not declared any more says so too", func(t *testing.T) {
		w, r, _ := refusing(t)
		w.FailOn("unbind codeup", fault{Before: &binding.Failure{Kind: binding.Refused, Op: message.Verbatim("registry: unbind")}})
		sync1(t, r, desire(gitlab()))
		if s := statusOf(t, r, "pay-codeup"); s.Retry == nil || s.Retry.Failures != 1 {
			t.Errorf("its unbinding failed, and is tried again: %+v", s.Retry)
		}
	})
	t.Run("when it is due it is tried, and once it succeeds nothing is left", func(t *testing.T) {
		w, r, d := refusing(t)
		w.Fault = nil
		w.Passes(2 * time.Second)
		synced(t, r, d)
		if s := statusOf(t, r, "pay-gitlab"); s.Retry != nil || len(w.RetryStates()) > 0 {
			t.Errorf("still held back: %+v, %+v", s.Retry, w.RetryStates())
		}
	})
}

// TestWhatIsDueWhileASyncIsUnderWayIsTriedAfterIt and not only at the drift
// interval.
func TestWhatIsDueWhileASyncIsUnderWayIsTriedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.FailOn("bind codeup", fault{Before: &binding.Failure{Kind: binding.Refused}})
		slow := false
		l, _ := loop(t, w, func(e plan.Event) {
			if e.Kind == plan.SyncDone && slow {
				slow = false
				time.Sleep(2 * time.Second)
			}
		})
		l.Submit(desire(codeup())) // It fails, and is due in 10 seconds.
		after(9 * time.Second)
		slow = true
		l.Submit(desire(codeup())) // It is held, and becomes due before the sync has ended.
		after(3 * time.Second)
		if n := w.Count("bind codeup"); n != 2 {
			t.Errorf("tried %d times, want 2", n)
		}
	})
}

// TestAPersonsFirstWishAfterARestartIsHeard: a sync that a person asked for tries
// what failed before the restart.
func TestAPersonsFirstWishAfterARestartIsHeard(t *testing.T) {
	for _, name := range []string{"", "pay-gitlab"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			w.FailOn("bind gitlab", fault{Before: &binding.Failure{Kind: binding.Refused}})
			l, _ := loop(t, w, nil)
			l.Submit(desire(gitlab()))
			synctest.Wait()
			again, _ := loop(t, w, nil)
			answered := make(chan reconcile.Synced, 1)
			again.Submit(desire(gitlab()), reconcile.Request{Binding: name, Done: func(s reconcile.Synced) { answered <- s }})
			if s := <-answered; s.Result.Count(plan.Held) > 0 || w.Count("bind gitlab") != 2 {
				t.Errorf("asked for %q: tried %d times, outcomes %v", name, w.Count("bind gitlab"), states(s.Result))
			}
		})
	}
}

// TestABrokenFileEndsNeitherAPauseNorAContest of the binding that the file
// declares.
func TestABrokenFileEndsNeitherAPauseNorAContest(t *testing.T) {
	w, r, d := refusing(t)
	stopped := w.RetryStates()["pay-gitlab"]
	stopped.Repairs = []binding.Repairs{{Object: binding.RepositoryObject("pay/api"), Made: []binding.Repair{{At: w.Now}}, Stopped: w.Now}}
	must(t, w.State.PutRetryState(t.Context(), stopped))
	broken := desire(codeup())
	broken.Broken = []string{"gitlab.yaml"}
	w.remember(t, binding.Record{Instance: instance, Binding: "pay-gitlab", Platform: binding.GitLab, Managed: true, File: "gitlab.yaml"})
	sync1(t, r, broken)
	if now := w.RetryStates()["pay-gitlab"]; now.Failed == nil || len(now.Repairs) != 1 {
		t.Fatalf("while its file is broken: %+v", now)
	}
	w.forget(t, "pay-gitlab/gitlab")
	sync1(t, r, d)
	if n := w.Count("bind gitlab"); n != 3 {
		t.Errorf("tried %d times, want 3: it is not due yet", n)
	}
}
