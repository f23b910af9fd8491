package reconcile

import (
	"context"
	"time"

	"reconciler/internal/message"

	"reconciler/internal/plan"
)

// ErrNoSnapshot says that no snapshot was read yet, so that there is nothing to
// sync to.
var ErrNoSnapshot = message.NewError("reconcile.no-snapshot")

// errStopped says that a sync was asked for while the loop ended.
var errStopped = message.NewError("reconcile.stopped")

// Ask is a person's wish for a sync at once.
type Ask struct {
	// Binding is the one whose failures are tried again without their pause,
	// and whose token is tried although it was refused; empty for the failures
	// of all of the instance. The sync is of the whole instance either
	// way.
	Binding string
	// BreakGlass, if not nil, lets the sync that answers change the instance
	// outside of its windows. It has been checked.
	BreakGlass *plan.BreakGlass
	// Done, if not nil, is called once with the sync that answers: one that began
	// after the ask. It must not block.
	Done func(Synced)
}

// Synced is how a sync ended that somebody asked for.
type Synced struct {
	Revision string
	Result   plan.Result
	// Err says why nothing was applied; ErrNoSnapshot before the first
	// snapshot.
	Err error
}

func (a Ask) answer(s Synced) {
	if a.Done != nil {
		a.Done(s)
	}
}

// Ask asks for a sync at once, on behalf of a person: what failed is tried
// again without its pause.
func (l *Loop) Ask(asked ...Ask) { l.want(nil, asked) }

// want keeps what is asked for, and what is desired if not nil, in one step: a
// sync that answers an ask is one to the snapshot that came with it.
func (l *Loop) want(d *plan.Desired, asked []Ask) {
	l.mu.Lock()
	if d != nil && len(asked) == 0 && l.reached(*d) {
		l.desired, l.synced = d, d
		l.mu.Unlock()
		l.r.reachedBy(*d)
		return
	}
	if d != nil {
		if l.desired != nil && l.desired.Rewritten && l.refused {
			d.Rewritten = true
		}
		l.desired, l.refused = d, true
	}
	ended := l.ended
	if !ended {
		l.asked = append(l.asked, asked...)
		if l.desired != nil {
			l.r.activity.asked()
		}
	}
	l.mu.Unlock()
	if !ended {
		l.poke()
		return
	}
	for _, a := range asked {
		a.answer(Synced{Err: errStopped})
	}
}

// reached says that the last sync reached what a snapshot asks for too; l.mu is
// held.
func (l *Loop) reached(d plan.Desired) bool {
	return l.desired != nil && l.synced == l.desired && !l.busy && !l.ended && d.SameFor(l.r.o.Instance.Name, *l.desired)
}

// awaited says that a person waits for a sync.
func (l *Loop) awaited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.asked) > 0
}

// rest notes that no sync is under way.
func (l *Loop) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
}

// take gives what is to be reached, the asks that the next sync answers, and
// how long the oldest of them, or the snapshot, has waited for it.
func (l *Loop) take() (*plan.Desired, []Ask, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked
	l.asked, l.busy = nil, true
	return l.desired, asked, l.r.activity.taken()
}

// prepare does what asks are for, before the sync that answers them, and returns
// what that is to reach.
func (r *Reconciler) prepare(ctx context.Context, asked []Ask, d plan.Desired) (plan.Desired, error) {
	if len(asked) > 0 {
		// What failed before a restart is known first, or its delay would be hidden
		// from who asks.
		if states, err := r.o.Store.RetryStates(ctx, r.o.Instance.Name); err == nil {
			r.recall(states)
		} // The plan reports the error.
	}
	for _, a := range asked {
		r.backoff.reset(a.Binding)
		if err := r.endRefusal(ctx, a.Binding); err != nil {
			return d, err
		}
		if a.BreakGlass != nil {
			d.BreakGlass = append(d.BreakGlass, *a.BreakGlass)
		}
	}
	return d, nil
}

// end answers who still waits when the loop ends, and who asks from then on.
func (l *Loop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	_, asked, _ := l.take()
	for _, a := range asked {
		a.answer(Synced{Err: errStopped})
	}
}
