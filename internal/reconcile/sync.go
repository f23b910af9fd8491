package reconcile

import (
	"context"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/trace"
)

// Sync plans to the given depth and applies the plan. It is what the loop does
// each time.
func (r *Reconciler) Sync(ctx context.Context, desired plan.Desired, depth binding.Depth) (plan.Result, error) {
	return r.sync(ctx, desired, depth, func() {})
}

// sync does the same, and calls seen between the observation, which waits for
// others, and the computation.
func (r *Reconciler) sync(ctx context.Context, desired plan.Desired, depth binding.Depth, seen func()) (plan.Result, error) {
	r.running.Lock()
	defer r.running.Unlock()
	ctx, span := trace.Start(trace.WithParent(ctx, desired.Trace), "sync", "instance", r.o.Instance.Name, "revision", desired.Revision)
	failed := "SyncFailed"
	defer func() { span.End(failed) }()
	began := r.startSync()
	rounds, err := r.planEach(ctx, desired.Of(r.o.Instance.Name), []plan.Desired{desired}, depth, seen)
	if err != nil {
		return plan.Result{}, r.syncFailed(ctx, desired, began, err)
	}
	result := r.syncDone(ctx, rounds[0], began)
	span.Set("digest", result.Digest)
	if failed = ""; result.Err() != nil {
		failed = "ActionFailed"
	}
	return result, nil
}

// syncStart is the state when a sync began.
type syncStart struct {
	at         time.Time
	statuses   []binding.Status
	conditions []binding.Condition
}

func (r *Reconciler) startSync() *syncStart {
	return &syncStart{at: r.o.Now(), statuses: r.AppendStatuses(nil), conditions: r.Conditions()}
}

// syncFailed reports a sync that made no plan, and returns why. Being stopped is
// not a failure.
func (r *Reconciler) syncFailed(ctx context.Context, desired plan.Desired, began *syncStart, err error) error {
	if ctx.Err() == nil {
		r.failed(err, desired.Of(r.o.Instance.Name))
		r.emit(plan.Event{Kind: plan.SyncFailed, Revision: desired.Revision, Err: err, Took: r.o.Now().Sub(began.at)})
	}
	return err
}

// syncDone carries out a round's plan, and reports its result.
func (r *Reconciler) syncDone(ctx context.Context, round *plan.Round, began *syncStart) plan.Result {
	result := r.apply(ctx, round)
	r.emit(plan.Event{
		Kind: plan.SyncDone, Revision: round.Revision, Plan: &round.Plan, Result: &result, Statuses: r.AppendStatuses(nil), Before: began.statuses,
		Conditions: r.Conditions(), ConditionsBefore: began.conditions, Took: r.o.Now().Sub(began.at),
	})
	return result
}
