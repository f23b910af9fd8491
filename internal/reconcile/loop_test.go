package reconcile_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

func exactly(d time.Duration) time.Duration { return d }

// loop runs a loop in a bubble of fake time and counts its syncs.
func loop(t *testing.T, w *world, tell func(plan.Event)) (*reconcile.Loop, *atomic.Int32) {
	t.Helper()
	return loopOf(t, w.options(), 10*time.Minute, tell)
}

// windowedLoop is a loop whose instance has windows.
func windowedLoop(t *testing.T, w *world, windows plan.Windows, drift time.Duration) (*reconcile.Loop, *atomic.Int32) {
	t.Helper()
	o := w.options()
	o.Windows = windows
	return loopOf(t, o, drift, nil)
}

func loopOf(t *testing.T, o reconcile.Options, drift time.Duration, tell func(plan.Event)) (*reconcile.Loop, *atomic.Int32) {
	t.Helper()
	o.Now = time.Now
	o.RetryBase, o.RetryMax = 10*time.Second, 40*time.Second
	syncs := new(atomic.Int32)
	o.Events = func(e plan.Event) {
		if e.Kind == plan.SyncDone || e.Kind == plan.SyncFailed {
			syncs.Add(1)
		}
		if tell != nil {
			tell(e)
		}
	}
	l, _ := running(t, o, drift)
	return l, syncs
}

// loopAnd does the same as loop, and returns the reconciler too.
func loopAnd(t *testing.T, w *world) (*reconcile.Reconciler, *reconcile.Loop, *atomic.Int32) {
	t.Helper()
	o, syncs := w.options(), new(atomic.Int32)
	o.Now = time.Now
	o.Events = func(e plan.Event) {
		if e.Kind == plan.SyncDone || e.Kind == plan.SyncFailed {
			syncs.Add(1)
		}
	}
	l, r := running(t, o, 10*time.Minute)
	return r, l, syncs
}

// running runs a loop until the test ends.
func running(t *testing.T, o reconcile.Options, drift time.Duration) (*reconcile.Loop, *reconcile.Reconciler) {
	t.Helper()
	r := reconcile.New(o)
	l := reconcile.NewLoop(r, reconcile.LoopOptions{DriftInterval: drift, Jitter: exactly})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
	return l, r
}

func after(d time.Duration) { time.Sleep(d); synctest.Wait() }

func TestLoopSyncsOnASnapshotAndOnDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		l, syncs := loop(t, w, nil)
		l.RequestSync(reconcile.Request{})
		synctest.Wait()
		if syncs.Load() != 0 {
			t.Fatal("it synced without a snapshot")
		}
		l.Submit(desire(codeup()))
		synctest.Wait()
		if syncs.Load() != 1 || w.Bound(binding.Codeup) == "" {
			t.Fatalf("%d syncs, bound %v", syncs.Load(), w.Bound(binding.Codeup))
		}
		w.ConsoleUnbinds(binding.Codeup)
		after(9 * time.Minute)
		if syncs.Load() != 1 {
			t.Errorf("%d syncs before the interval", syncs.Load())
		}
		after(time.Minute)
		if syncs.Load() != 2 || w.Bound(binding.Codeup) == "" {
			t.Errorf("%d syncs, bound %v", syncs.Load(), w.Bound(binding.Codeup))
		}
	})
}

func TestLoopTakesTheNewestSnapshotOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		release := make(chan struct{})
		first := true
		l, syncs := loop(t, w, func(e plan.Event) {
			if e.Kind == plan.PlanMade && first {
				first = false
				<-release
			}
		})
		l.Submit(desire(codeup()))
		synctest.Wait()
		for _, name := range []string{"a", "b", "c"} {
			l.Submit(desire(gitlab(func(d *binding.Declaration) { d.Name = name }), codeup()))
		}
		close(release)
		synctest.Wait()
		if syncs.Load() != 2 {
			t.Errorf("%d syncs for 4 snapshots, want 2", syncs.Load())
		}
		if !w.recorded("c/gitlab") || w.recorded("b/gitlab") {
			t.Error("it is not the newest that was applied")
		}
	})
}

func TestLoopTriesAgainWithGrowingPausesUntilSomethingElseIsDeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.FailOn("bind codeup", fault{Before: &binding.Failure{Kind: binding.Refused}})
		l, _ := loop(t, w, nil)
		l.Submit(desire(codeup()))
		synctest.Wait()
		for i, c := range []struct {
			wait time.Duration
			want int
		}{{5, 1}, {6, 2}, {15, 2}, {6, 3}, {35, 3}, {6, 4}, {35, 4}, {6, 5}} {
			after(c.wait * time.Second)
			if got := w.Count("bind codeup"); got != c.want {
				t.Fatalf("step %d: %d attempts, want %d", i, got, c.want)
			}
		}
		l.Submit(desire(codeup()))
		synctest.Wait()
		if got := w.Count("bind codeup"); got != 5 {
			t.Errorf("the same snapshot again reset the pause: %d attempts", got)
		}
		other := codeup()
		other.Spec.Username = "ci2"
		l.Submit(desire(other))
		synctest.Wait()
		if got := w.Count("bind codeup"); got != 6 {
			t.Errorf("another declaration is not tried at once: %d attempts", got)
		}
		l.RequestSync(reconcile.Request{})
		synctest.Wait()
		if got := w.Count("bind codeup"); got != 7 {
			t.Errorf("a person's wish is not tried at once: %d attempts", got)
		}
	})
}

func TestLoopWaitsAsLongAsTheOtherSideAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.FailOn("bind codeup", fault{Before: &binding.Failure{Kind: binding.Throttled, RetryAfter: 5 * time.Minute}})
		l, _ := loop(t, w, nil)
		l.Submit(desire(codeup()))
		after(299 * time.Second)
		if got := w.Count("bind codeup"); got != 1 {
			t.Errorf("%d attempts before the time asked for", got)
		}
		after(2 * time.Second)
		if got := w.Count("bind codeup"); got != 2 {
			t.Errorf("%d attempts after it", got)
		}
	})
}

func TestLoopLooksAgainSoonWhenSomethingDidNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.FailOn("metadata", fault{Before: errors.New("down")})
		l, _ := loop(t, w, nil)
		l.Submit(desire(codeup()))
		synctest.Wait()
		w.FailOn("nothing", fault{})
		after(11 * time.Second)
		if w.Bound(binding.Codeup) == "" {
			t.Error("it was not looked at again within the retry's pause")
		}
	})
}

func TestLoopOutlivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		var panicked, failures atomic.Int32
		l, _ := loop(t, w, func(e plan.Event) {
			if e.Kind == plan.SyncFailed {
				failures.Add(1)
			}
			if e.Kind == plan.PlanMade && panicked.Add(1) == 1 {
				panic("a fault")
			}
		})
		l.Submit(desire(codeup()))
		synctest.Wait()
		if failures.Load() != 1 {
			t.Fatalf("%d failures were observed", failures.Load())
		}
		after(11 * time.Second)
		if w.Bound(binding.Codeup) == "" {
			t.Error("the loop did not go on")
		}
	})
}

func TestACommitOnTopOfARewrittenHistoryDoesNotLetRemovalsThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		l, _ := loop(t, w, nil)
		l.Submit(desire(gitlab(), codeup()))
		synctest.Wait()
		l.Submit(plan.Desired{Declarations: []binding.Declaration{gitlab()}, Rewritten: true})
		synctest.Wait()
		l.Submit(desire(gitlab()))
		synctest.Wait()
		if w.Bound(binding.Codeup) == "" {
			t.Fatal("the binding was removed")
		}
		l.Submit(desire(gitlab(), codeup()))
		synctest.Wait()
		l.Submit(desire(gitlab()))
		synctest.Wait()
		if w.Bound(binding.Codeup) != "" {
			t.Error("a removal that a commit names is refused for ever")
		}
	})
}

func TestAHostThatIsDownDoesNotKeepALoopFromEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		o := w.options()
		o.Now = time.Now
		o.Registry = hangingAll{registry{World: w.World}}
		l := reconcile.NewLoop(reconcile.New(o), reconcile.LoopOptions{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		l.Submit(desire(codeup()))
		synctest.Wait()
		begun := time.Now()
		stop()
		if err := <-ended; err != nil || time.Since(begun) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

type hangingAll struct{ registry }

func (hangingAll) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	<-ctx.Done()
	return binding.Capabilities{}, ctx.Err()
}
