package reconcile

import (
	"context"

	"reconciler/internal/message"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// historyForgotten is the action of a history entry about a suspension that has
// ended and was reported long enough.
const historyForgotten = "suspension-forgotten"

// suspensions returns what people suspended on the instance. It forgets suspensions
// that ended long ago.
func (r *Reconciler) suspensions(ctx context.Context) ([]binding.Suspension, error) {
	all, err := r.o.Store.Suspensions(ctx, r.o.Instance.Name)
	if err != nil {
		return nil, message.NewError("instance.failed", "name", r.o.Instance.Name, "err", err)
	}
	var left []binding.Suspension
	for _, s := range all {
		if !s.Over(r.o.Now()) {
			s.Since = binding.Past(s.Since, r.o.Now())
			left = append(left, s)
			continue
		}
		if err := r.forgetSuspension(ctx, s); err != nil {
			return nil, message.NewError("instance.failed", "name", r.o.Instance.Name, "err", err)
		}
	}
	return left, nil
}

func (r *Reconciler) forgetSuspension(ctx context.Context, s binding.Suspension) error {
	if err := r.o.Store.DeleteSuspension(ctx, s); err != nil {
		return err
	}
	return r.o.Store.AppendEvent(ctx, binding.HistoryEntry{
		Time: r.o.Now(), Instance: s.Instance, Binding: s.Binding, Action: historyForgotten, Outcome: string(plan.Done),
	}.WithMessage(message.New("history.suspension-over", "until", s.Until.UTC(), "by", message.Foreign(s.By), "reason", message.Foreign(s.Reason))))
}
