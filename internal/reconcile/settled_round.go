package reconcile

import (
	"context"
	"reflect"

	"reconciler/internal/plan"
)

// settledRound is a round that left nothing to do, and its result. Its plan applies to
// later rounds while their input is the same and nothing becomes due.
type settledRound struct {
	round  *plan.Round
	result plan.Result
}

// newSettledRound is nil if the next round has to be planned and applied, whatever its
// observation is.
func newSettledRound(round *plan.Round, result plan.Result) *settledRound {
	again := result.Incomplete || len(result.Forgotten) > 0 || len(round.Retries) > 0 || len(round.BreakGlass) > 0
	for _, o := range result.Outcomes {
		again = again || o.State != plan.Kept && o.State != plan.Pending || o.Err != nil || o.Unseen || o.Retry.Failed != nil
	}
	if again {
		return nil
	}
	return &settledRound{round, result}
}

// appliesTo reports whether the plan of the settled round applies to a round too. of
// has everything except a plan.
func (s *settledRound) appliesTo(of plan.Round) bool {
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

// again carries out a round. If it has the plan of the settled round, there is
// nothing to do, and the result is the same too.
func (r *Reconciler) again(ctx context.Context, round *plan.Round) plan.Result {
	r.mu.Lock()
	settled, reusedFor := r.settled, r.reusedFor == round
	r.mu.Unlock()
	if reusedFor {
		result := settled.result
		result.Ended = r.o.Now()
		return result
	}
	before := r.written.count.Load()
	result := r.applier.Apply(ctx, round)
	r.backoff.take(round, result)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.settled, r.reusedFor = nil, nil; r.written.count.Load() == before {
		r.settled = newSettledRound(round, result)
	}
	return result
}
