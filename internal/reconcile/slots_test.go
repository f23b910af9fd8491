package reconcile_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// countingObserver counts how many observations run at the same time. Each takes
// some time.
type countingObserver struct {
	takes         time.Duration
	running, most *atomic.Int32
}

func (o countingObserver) ObserveEach(ctx context.Context, declared [][]binding.Declaration, _ []binding.SecretTargets, _ []binding.Record, _ binding.Depth) []binding.Observation {
	o.most.Store(max(o.most.Load(), o.running.Add(1)))
	defer o.running.Add(-1)
	select {
	case <-time.After(o.takes):
	case <-ctx.Done():
	}
	return make([]binding.Observation, len(declared))
}

// TestManyLoopsBeginOneAfterTheOther, and loops that wait for an answer delay the
// others only a little.
func TestManyLoopsBeginOneAfterTheOther(t *testing.T) {
	for name, c := range map[string]struct {
		takes, within time.Duration
		together      bool
	}{
		"quick ones take turns":            {10 * time.Millisecond, time.Second, false},
		"slow ones give their places back": {time.Minute, 62 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const loops = 1000
				var running, most, synced atomic.Int32
				starts, began := reconcile.NewSlots(), time.Now()
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error, loops)
				for range loops {
					o := newWorld().options()
					o.Now, o.Observer = time.Now, countingObserver{c.takes, &running, &most}
					o.Events = func(e plan.Event) {
						if e.Kind == plan.SyncDone {
							synced.Add(1)
						}
					}
					l := reconcile.NewLoop(reconcile.New(o), reconcile.LoopOptions{DriftInterval: time.Hour, Slots: starts})
					l.Submit(plan.Desired{Revision: "1"})
					go func() { ended <- l.Run(ctx) }()
				}
				time.Sleep(100*time.Second/time.Duration(16*runtime.GOMAXPROCS(0))*2 + c.within)
				if synced.Load() != loops {
					t.Errorf("%d of %d synced after %v", synced.Load(), loops, time.Since(began))
				}
				if together := int(most.Load()) > 8*runtime.GOMAXPROCS(0); together != c.together {
					t.Errorf("%d syncs at once", most.Load())
				}
				stop()
				for range loops {
					<-ended
				}
			})
		})
	}
}
