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

// LoopOptions say when a Loop runs of itself.
type LoopOptions struct {
	// DriftInterval is how often the instance is looked at while nothing
	// changes; 10 minutes if zero.
	DriftInterval time.Duration
	// Jitter varies a pause, so that many daemons do not call at once; within
	// a tenth of it if nil.
	Jitter func(time.Duration) time.Duration
	// After is how it waits.
	After After
	// Starts, if not nil, are shared with other loops.
	Starts *Starts
}

// Loop keeps one instance as declared: it syncs when a snapshot comes, when
// drift is to be looked for, when what failed is due again, when a window opens
// or closes, and when a person asks. Runs do not pile up: there is one at a time, and the newest snapshot
// wins. Loops of several instances know nothing of each other.
type Loop struct {
	// traced is the snapshot that was synced last. Only once uses it.
	traced *plan.Desired
	r      *Reconciler
	o      LoopOptions
	wake   chan struct{}

	mu      sync.Mutex
	desired *plan.Desired
	// synced is the snapshot that a sync reached last, and busy says that one is
	// under way.
	synced *plan.Desired
	busy   bool
	// asked are the persons' wishes that the next sync answers.
	asked []Ask
	// ended says that Run is over.
	ended bool
	// refused says that removals of the present snapshot were, or were not yet
	// found to be, refused for safety.
	refused bool
}

// NewLoop makes a loop around a reconciler, which must not be in another.
func NewLoop(r *Reconciler, o LoopOptions) *Loop {
	if o.DriftInterval <= 0 {
		o.DriftInterval = defaultDriftInterval
	}
	if o.Jitter == nil {
		o.Jitter = tenth
	}
	return &Loop{r: r, o: o, wake: make(chan struct{}, 1)}
}

// tenth varies a pause by up to a tenth either way.
func tenth(d time.Duration) time.Duration {
	return d - d/10 + rand.N(d/5+1) //nolint:gosec // Jitter is no secret.
}

// Submit gives the loop a snapshot to reach, instead of the previous one, and
// what is asked for with it. One that asks the same of the instance as that which
// was reached costs no sync. After a rewritten history, removals stay refused
// until a sync had none to refuse: a commit on top does not say who removed
// what.
func (l *Loop) Submit(d plan.Desired, asked ...Ask) { l.want(&d, asked) }

// State says what the loop is at.
func (l *Loop) State() LoopState { return l.r.activity.read() }

func (l *Loop) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Run runs the loop until ctx ends; a sync that is under way then finishes the
// call in flight and writes its outcome first. It always returns nil. What
// failed before a restart is delayed, as if there had been none.
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

// next does one sync, when it is its turn: at once where a person asked. A
// goroutine of its own leaves no large stack to a loop that waits.
func (l *Loop) next(ctx context.Context) {
	var at *place
	if !l.awaited() {
		at = l.o.Starts.begin(ctx)
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
// again, a window opens or closes, a suspension ends, or drift is to be looked for.
// What came while the sync was under way, which may have looked before it, is
// not waited for.
func (l *Loop) pause(began time.Time) time.Duration {
	pause := l.r.windowChange(began, l.o.Jitter(l.o.DriftInterval))
	now := l.r.o.Now()
	if due := l.r.backoff.next(began); !due.IsZero() {
		// Never before it is due, or the run would find it held and be for nothing.
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

// once does one sync at a place, and answers who asked for it. A panic in it is reported
// and does not end the loop.
func (l *Loop) once(ctx context.Context, at *place) {
	desired, asked, waited := l.take()
	defer l.rest()
	synced := Synced{Err: ErrNoSnapshot}
	defer func() {
		for _, a := range asked {
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
	wanted, err := l.begin(ctx, desired, asked, waited)
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
func (l *Loop) begin(ctx context.Context, desired *plan.Desired, asked []Ask, waited time.Duration) (plan.Desired, error) {
	l.r.emit(plan.Event{Kind: plan.SyncStarted, Revision: desired.Revision, Waited: waited})
	wanted, err := l.r.prepare(ctx, asked, *desired)
	if l.traced == desired {
		wanted.Trace = "" // The trace of the commit ended with its first sync.
	}
	l.traced = desired
	return wanted, err
}

// done notes what became of a snapshot, unless there is another one by now.
func (l *Loop) done(desired *plan.Desired, result plan.Result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.desired == desired {
		l.synced = desired
		broken, _ := desired.BrokenOf(l.r.o.Instance.Name)
		// What is kept because a file is broken or nothing answered may be
		// refused later.
		l.refused = result.Refused() || result.Incomplete || len(broken) > 0
	}
}
