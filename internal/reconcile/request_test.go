package reconcile_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// ask asks a loop for a sync and returns the outcomes that are reported for it.
func ask(l *reconcile.Loop, name string) *[]reconcile.Synced {
	answers := new([]reconcile.Synced)
	l.RequestSync(reconcile.Request{Binding: name, Done: func(s reconcile.Synced) { *answers = append(*answers, s) }})
	synctest.Wait()
	return answers
}

func TestWhoAsksIsToldOfASyncThatBeganAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		release, plans := make(chan struct{}), 0
		l, syncs := loop(t, w, func(e plan.Event) {
			if e.Kind != plan.PlanMade {
				return
			}
			if plans++; plans == 1 {
				<-release
			}
		})
		if answers := *ask(l, ""); len(answers) != 1 || !errors.Is(answers[0].Err, reconcile.ErrNoSnapshot) {
			t.Fatalf("without a snapshot: %+v", answers)
		}
		l.Submit(desire(codeup()))
		synctest.Wait()
		// The sync under way may have observed already, so it does not count.
		answers := ask(l, "")
		if len(*answers) != 0 {
			t.Fatalf("answered with the sync under way: %+v", *answers)
		}
		close(release)
		synctest.Wait()
		if len(*answers) != 1 || (*answers)[0].Err != nil || (*answers)[0].Result.Digest == "" || syncs.Load() != 2 {
			t.Errorf("%d syncs, told %+v", syncs.Load(), *answers)
		}
	})
}

func TestAnAskForOneBindingLeavesTheOthersPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.FailOn("bind ", fault{Before: &binding.Failure{Kind: binding.Refused}})
		l, _ := loop(t, w, nil)
		l.Submit(desire(codeup(), gitlab()))
		synctest.Wait()
		answers := ask(l, codeup().Name)
		if c, g := w.Count("bind codeup"), w.Count("bind gitlab"); c != 2 || g != 1 {
			t.Errorf("codeup was tried %d times, want 2; gitlab %d, want 1", c, g)
		}
		if len(*answers) != 1 || (*answers)[0].Result.Count(plan.Failed) != 1 || (*answers)[0].Result.Count(plan.Held) == 0 {
			t.Errorf("told %+v, want one failed and the others held", *answers)
		}
		ask(l, "")
		if c, g := w.Count("bind codeup"), w.Count("bind gitlab"); c != 3 || g != 2 {
			t.Errorf("codeup was tried %d times, want 3; gitlab %d, want 2", c, g)
		}
	})
}

func TestWhoAsksALoopThatEndsIsToldSo(t *testing.T) {
	w := newWorld()
	l := reconcile.NewLoop(reconcile.New(w.options()), reconcile.LoopOptions{DriftInterval: time.Hour})
	before, after := make(chan reconcile.Synced, 1), make(chan reconcile.Synced, 1)
	l.RequestSync(reconcile.Request{Done: func(s reconcile.Synced) { before <- s }})
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
	l.RequestSync(reconcile.Request{Done: func(s reconcile.Synced) { after <- s }})
	for name, answers := range map[string]chan reconcile.Synced{"before": before, "after": after} {
		if s := <-answers; s.Err == nil {
			t.Errorf("asked %s it ended: no error", name)
		}
	}
}
