package reconcile

import (
	"context"
	"reflect"

	"reconciler/internal/plan"
)

// standing is a round that left nothing to do, and what became of it. It stands
// while nothing that it was made of differs and nothing comes due.
type standing struct {
	round  *plan.Round
	result plan.Result
}

// standingOf is nil where a round has to be made and applied again, whatever the
// next observation is.
func standingOf(round *plan.Round, result plan.Result) *standing {
	again := result.Incomplete || len(result.Forgotten) > 0 || len(round.Retries) > 0 || len(round.BreakGlass) > 0
	for _, o := range result.Outcomes {
		again = again || o.State != plan.Kept && o.State != plan.Pending || o.Err != nil || o.Unseen || o.Retry.Failed != nil
	}
	if again {
		return nil
	}
	return &standing{round, result}
}

// stands gives a round the plan of the last one, if that holds for it too. of has
// everything but a plan.
func (s *standing) stands(of plan.Round) bool {
	if s == nil || of.Depth != s.round.Depth || of.Revision != s.round.Revision || len(of.Retries) > 0 || len(of.BreakGlass) > 0 {
		return false
	}
	if due := s.round.Due(); of.Now.Before(s.round.Now) || !due.IsZero() && !due.After(of.Now) {
		return false
	}
	before := s.round.Input
	before.Now = of.Now
	return reflect.DeepEqual(before, of.Input)
}

// again carries out a round. Of one that an earlier plan stands for, nothing is to
// be done: what became of that plan stands too.
func (r *Reconciler) again(ctx context.Context, round *plan.Round) plan.Result {
	r.mu.Lock()
	standing, stood := r.standing, r.stood == round
	r.mu.Unlock()
	if stood {
		result := standing.result
		result.Ended = r.o.Now()
		return result
	}
	before := r.written.count.Load()
	result := r.applier.Apply(ctx, round)
	r.backoff.take(round, result)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.standing, r.stood = nil, nil; r.written.count.Load() == before {
		r.standing = standingOf(round, result)
	}
	return result
}
