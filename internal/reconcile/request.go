package reconcile

import (
	"context"
	"time"

	"reconciler/internal/message"

	"reconciler/internal/plan"
)

// ErrNoSnapshot means that no snapshot has been read yet, so there is nothing to
// sync to.
var ErrNoSnapshot = message.NewError("reconcile.no-snapshot")

// errStopped means that a sync was asked for while the loop ended.
var errStopped = message.NewError("reconcile.stopped")

// Request is a person's request for an immediate sync.
type Request struct {
	// Binding is the binding whose failed actions are tried again without a pause,
	// and whose token is tried even if it was refused. If it is empty, the failed
	// actions of the whole instance are tried again. In both cases, the whole
	// instance is synced.
	Binding string
	// BreakGlass, if not nil, lets the sync for this request change the instance
	// outside of its windows. It has been checked.
	BreakGlass *plan.BreakGlass
	// Done, if not nil, is called once with the outcome of the sync, which began
	// after the request. It must not block.
	Done func(Synced)
}

// Synced is the outcome of a sync that somebody asked for.
type Synced struct {
	Revision string
	Result   plan.Result
	// Err says why nothing was applied; ErrNoSnapshot before the first
	// snapshot.
	Err error
}

func (a Request) answer(s Synced) {
	if a.Done != nil {
		a.Done(s)
	}
}

// RequestSync asks for an immediate sync on behalf of a person: failed actions are tried
// again without a pause.
func (l *Loop) RequestSync(requests ...Request) { l.want(nil, requests) }

// want stores requests and, if it is not nil, the snapshot that came with them. It
// does so in one step, so that the sync for a request is to its snapshot.
func (l *Loop) want(d *plan.Desired, requests []Request) {
	l.mu.Lock()
	if d != nil && len(requests) == 0 && l.reached(*d) {
		l.desired, l.synced = d, d
		l.mu.Unlock()
		l.r.noteReached(*d)
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
		l.requests = append(l.requests, requests...)
		if l.desired != nil {
			l.r.activity.asked()
		}
	}
	l.mu.Unlock()
	if !ended {
		l.signal()
		return
	}
	for _, a := range requests {
		a.answer(Synced{Err: errStopped})
	}
}

// reached reports whether the last sync already reached what a snapshot asks for;
// l.mu is held.
func (l *Loop) reached(d plan.Desired) bool {
	return l.desired != nil && l.synced == l.desired && !l.busy && !l.ended && d.SameFor(l.r.o.Instance.Name, *l.desired)
}

// awaited reports whether a person waits for a sync.
func (l *Loop) awaited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.requests) > 0
}

// setIdle notes that no sync is under way.
func (l *Loop) setIdle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
}

// take returns the snapshot to reach, the requests for the next sync, and how long
// the oldest of them, or the snapshot, has waited.
func (l *Loop) take() (*plan.Desired, []Request, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	requests := l.requests
	l.requests, l.busy = nil, true
	return l.desired, requests, l.r.activity.taken()
}

// prepare does what requests need before their sync, and returns the snapshot for
// it.
func (r *Reconciler) prepare(ctx context.Context, requests []Request, d plan.Desired) (plan.Desired, error) {
	if len(requests) > 0 {
		// Take over failures from before a restart first. Otherwise, the sync would
		// do so after the reset and keep to their pauses.
		if states, err := r.o.Store.RetryStates(ctx, r.o.Instance.Name); err == nil {
			r.restoreFailures(states)
		} // The plan reports the error.
	}
	for _, a := range requests {
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

// end answers the requests that still wait when the loop ends. From then on, want
// answers new ones.
func (l *Loop) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	_, requests, _ := l.take()
	for _, a := range requests {
		a.answer(Synced{Err: errStopped})
	}
}
