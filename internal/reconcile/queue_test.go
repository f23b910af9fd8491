package reconcile_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// What the loops, one for each instance, guarantee as a queue.

func TestACommitAndAPersonGoBeforeTheTimer(t *testing.T) {
	for name, ask := range map[string]func(*reconcile.Loop){
		"a commit": func(l *reconcile.Loop) { l.Submit(desire(codeup(), gitlab())) },
		"a person": func(l *reconcile.Loop) { l.RequestSync(reconcile.Request{}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, syncs := loop(t, newWorld(), nil)
				l.Submit(desire(codeup()))
				after(9 * time.Minute)
				before := syncs.Load()
				ask(l)
				synctest.Wait()
				if got := syncs.Load() - before; got != 1 {
					t.Fatalf("%d syncs at once, want 1, with the timer a minute away", got)
				}
				// The timer starts again, because a sync has just looked for drift.
				after(9 * time.Minute)
				if got := syncs.Load() - before; got != 1 {
					t.Errorf("%d syncs within an interval after it, want 1", got)
				}
			})
		})
	}
}

// blocked is a loop whose first sync hangs in its observer until released.
func blocked(t *testing.T, w *world) (l *reconcile.Loop, syncs *atomic.Int32, release chan struct{}) {
	t.Helper()
	release = make(chan struct{})
	first := true
	l, syncs = loop(t, w, func(e plan.Event) {
		if e.Kind == plan.PlanMade && first {
			first = false
			<-release
		}
	})
	return l, syncs, release
}

func TestAStuckInstanceDelaysNoOtherAndShowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, _, release := blocked(t, newWorld())
		other, syncs := loop(t, newWorld(), nil)
		begun := time.Now()
		stuck.Submit(desire(codeup()))
		other.Submit(desire(codeup()))
		after(time.Hour)
		if got := syncs.Load(); got != 7 {
			t.Errorf("the other instance synced %d times in an hour, want 7", got)
		}
		if state := other.State(); !state.Oldest().IsZero() || time.Since(state.Moved) > 10*time.Minute {
			t.Errorf("the other instance: %+v", state)
		}
		state := stuck.State()
		if state.Running != begun || state.Oldest() != begun || state.Moved != begun || !state.Asked.IsZero() {
			t.Errorf("the stuck instance: %+v, want all since %s", state, begun)
		}
		stuck.RequestSync(reconcile.Request{})
		asked := time.Now()
		after(time.Minute)
		if state := stuck.State(); state.Asked != asked || state.Oldest() != begun {
			t.Errorf("a person waits: %+v, want since %s", state, asked)
		}
		close(release)
		synctest.Wait()
		if state := stuck.State(); !state.Oldest().IsZero() || state.Moved != time.Now() {
			t.Errorf("released: %+v", state)
		}
	})
}

// TestWhoAsksIsToldHowLongTheyWaited: a sync for a commit or a person reports how
// long the oldest of them waited; a sync that starts by itself reports nothing.
func TestWhoAsksIsToldHowLongTheyWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var waits []time.Duration
		l, _ := loop(t, newWorld(), func(e plan.Event) {
			if e.Kind == plan.SyncStarted {
				waits = append(waits, e.Waited)
			}
			if e.Kind == plan.PlanMade && len(waits) == 1 {
				<-release
			}
		})
		l.Submit(desire(codeup()))
		after(time.Minute)
		l.RequestSync(reconcile.Request{})
		after(time.Minute)
		l.Submit(desire(codeup()))
		after(time.Minute)
		close(release)
		after(10 * time.Minute)
		if len(waits) != 3 || waits[0] != 0 || waits[1] != 2*time.Minute || waits[2] != 0 {
			t.Errorf("waits %v, want 0s, 2m0s (the oldest of two) and 0s (the timer)", waits)
		}
	})
}

// hangs is a registry whose calls for accounts all take their full time.
type hangs struct{ registry }

func (hangs) Account(ctx context.Context, _ binding.Platform) (*binding.Account, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestLongCallsMoveTheLoop: a sync with many calls that all take their full time
// lasts long, but each call that ends counts as a move.
func TestLongCallsMoveTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		o := w.options()
		o.Now, o.Registry, o.Parallel, o.CallTimeout = time.Now, hangs{registry{World: w.World}}, 1, 20*time.Second
		l := reconcile.NewLoop(reconcile.New(o), reconcile.LoopOptions{DriftInterval: time.Hour, Jitter: exactly})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		l.Submit(desire(codeup(), gitlab()))
		began := time.Now()
		var longest time.Duration
		for running := true; running && time.Since(began) < 10*time.Minute; {
			after(time.Second)
			state := l.State()
			running = !state.Running.IsZero()
			longest = max(longest, time.Since(state.Moved))
		}
		if took := time.Since(began); took < 40*time.Second || took > 5*time.Minute || longest > 20*time.Second {
			t.Errorf("a sync of %s stood still for %s, want not longer than one call, 20s", took, longest)
		}
		stop()
		<-ended
	})
}

func TestALoopWithoutASnapshotHasNothingToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _ := loop(t, newWorld(), nil)
		l.RequestSync(reconcile.Request{})
		after(time.Hour)
		if state := l.State(); state != (reconcile.LoopState{}) {
			t.Errorf("%+v", state)
		}
	})
}
