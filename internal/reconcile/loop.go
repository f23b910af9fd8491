package reconcile

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

const defaultDriftInterval = 10 * time.Minute

// LoopOptions say when a Loop syncs by itself.
type LoopOptions struct {
	// DriftInterval is how often the instance is synced while nothing changes; 10
	// minutes if zero.
	DriftInterval time.Duration
	// Jitter varies a pause, so that many daemons do not call at the same time. If
	// it is nil, a pause varies by up to a tenth.
	Jitter func(time.Duration) time.Duration
	// After is how it waits.
	After After
	// Slots, if not nil, are shared with other loops.
	Slots *Slots
}

// Loop keeps one instance as declared: it syncs when a snapshot comes, at the drift
// interval, when a failed action is due again, when a window opens or closes, when
// a suspension ends, and when a person asks. Only one sync runs at a time, and the
// newest snapshot wins. Loops of different instances are independent.
type Loop struct {
	// traced is the snapshot that was synced last. Only once uses it.
	traced *plan.Desired
	r      *Reconciler
	o      LoopOptions
	wake   chan struct{}

	mu      sync.Mutex
	desired *plan.Desired
	// synced is the snapshot that a sync reached last. busy is true while a sync is
	// under way.
	synced *plan.Desired
	busy   bool
	// requests are the requests for the next sync.
	requests []Request
	// ended is true if Run has ended.
	ended bool
	// refused is true if removals of the current snapshot were refused for safety,
	// or it is unknown yet whether they are.
	refused bool
}

// NewLoop makes a loop around a reconciler, which must not be in a different loop.
func NewLoop(r *Reconciler, o LoopOptions) *Loop {
	if o.DriftInterval <= 0 {
		o.DriftInterval = defaultDriftInterval
	}
	if o.Jitter == nil {
		o.Jitter = jitterTenth
	}
	return &Loop{r: r, o: o, wake: make(chan struct{}, 1)}
}

// jitterTenth varies a pause by up to a tenth either way.
func jitterTenth(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // Jitter is no secret.
}

// Submit gives the loop a snapshot to reach, instead of the previous one, and the
// requests that come with it. A snapshot that asks the same of the instance as the
// one that was reached needs no sync. After a rewritten history, removals stay
// refused until a sync has none to refuse: a commit on top does not show who
// removed what.
func (l *Loop) Submit(d plan.Desired, requests ...Request) { l.want(&d, requests) }

// State returns what the loop is doing.
func (l *Loop) State() LoopState { return l.r.activity.read() }

func (l *Loop) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run runs the loop until ctx ends; a sync that is under way then completes the
// calls in flight and writes their outcomes first. It always returns nil. The
// pauses after failures continue as if there had been no restart.
func (l *Loop) Run(ctx context.Context) error {
	l.r.looped.Store(true)
	defer l.end()
	pause := l.o.Jitter(l.o.DriftInterval)
	for {
		fired, stop := l.o.After.Start(pause)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-fired:
		}
		stop()
		if ctx.Err() != nil {
			return nil
		}
		began := l.r.o.Now()
		l.next(ctx)
		pause = l.pause(began)
	}
}

// next does one sync when it is its turn, or at once if a person asked. The sync
// has a goroutine of its own, so that a loop that waits keeps no large stack.
func (l *Loop) next(ctx context.Context) {
	var at *slot
	if !l.awaited() {
		at = l.o.Slots.begin(ctx)
		defer at.end()
	}
	if ctx.Err() != nil {
		return
	}
	synced := make(chan struct{})
	go func() {
		defer close(synced)
		l.once(ctx, at)
	}()
	<-synced
}

// pause is how long to wait after a sync that began then: until something is due
// again, a window opens or closes, a suspension ends, or the drift interval has
// passed. If one of these happened during the sync, the sync may have missed it, so
// there is no wait.
func (l *Loop) pause(began time.Time) time.Duration {
	pause := l.r.windowChange(began, l.o.Jitter(l.o.DriftInterval))
	now := l.r.o.Now()
	if due := l.r.backoff.next(began); !due.IsZero() {
		// Not before it is due: the sync would find it held and do nothing.
		wait := max(due.Sub(now), 0)
		pause = min(pause, max(wait, l.o.Jitter(wait))+time.Millisecond)
	}
	if last := l.r.Last(); last != nil {
		if end := last.SuspensionEnd(began); !end.IsZero() {
			pause = min(pause, max(end.Sub(now), 0)+time.Millisecond)
		}
	}
	return pause
}

// once does one sync in a slot, and answers the requests for it. A panic in it is
// reported and does not end the loop.
func (l *Loop) once(ctx context.Context, at *slot) {
	desired, requests, waited := l.take()
	defer l.setIdle()
	synced := Synced{Err: ErrNoSnapshot}
	defer func() {
		for _, a := range requests {
			a.answer(synced)
		}
	}()
	if desired == nil {
		return
	}
	l.r.activity.begun()
	defer l.r.activity.ended()
	synced = Synced{Revision: desired.Revision}
	defer func() {
		if v := recover(); v != nil {
			synced.Err = binding.BugOf(v)
			l.r.backoff.failed("", "", l.r.o.Now())
			l.r.emit(plan.Event{Kind: plan.SyncFailed, Revision: desired.Revision, Err: synced.Err})
		}
	}()
	wanted, err := l.begin(ctx, desired, requests, waited)
	if err == nil {
		synced.Result, err = l.r.sync(ctx, wanted, binding.DepthPreflight, func() { at.take(ctx) })
	}
	if synced.Err = err; err != nil {
		l.r.backoff.failed("", "", l.r.o.Now())
		return
	}
	l.done(desired, synced.Result)
}

// begin reports that a sync begins, and returns the snapshot that it is for.
func (l *Loop) begin(ctx context.Context, desired *plan.Desired, requests []Request, waited time.Duration) (plan.Desired, error) {
	l.r.emit(plan.Event{Kind: plan.SyncStarted, Revision: desired.Revision, Waited: waited})
	wanted, err := l.r.prepare(ctx, requests, *desired)
	if l.traced == desired {
		wanted.Trace = "" // The trace of the commit ended with its first sync.
	}
	l.traced = desired
	return wanted, err
}

// done notes the result of a snapshot, unless there is a newer one by now.
func (l *Loop) done(desired *plan.Desired, result plan.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.desired == desired {
		l.synced = desired
		broken, _ := desired.BrokenOf(l.r.o.Instance.Name)
		// What is not changed because a file is invalid or nothing answered may be
		// refused later.
		l.refused = result.Refused() || result.Incomplete || len(broken) > 0
	}
}
