package reconcile

import (
	"context"
	"fmt"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// historyForgotten is the history's word for a suspension that is over and was
// told of for long enough.
const historyForgotten = "suspension-forgotten"

// suspensions are what persons hold still on the instance. What has been over
// for long is forgotten on the way.
func (r *Reconciler) suspensions(ctx context.Context) ([]binding.Suspension, error) {
	all, err := r.o.Store.Suspensions(ctx, r.o.Instance.Name)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", r.o.Instance.Name, err)
	}
	var left []binding.Suspension
	for _, s := range all {
		if !s.Over(r.o.Now()) {
			left = append(left, s)
			continue
		}
		if err := r.forgetSuspension(ctx, s); err != nil {
			return nil, fmt.Errorf("instance %s: %w", r.o.Instance.Name, err)
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
		Message: fmt.Sprintf("it ended at %s; by %s: %s", s.Until.UTC().Format(time.RFC3339), s.By, s.Reason),
	})
}

// suspended tells of what holds a binding still, or did; nil where nothing does.
func suspended(now time.Time, declared *binding.Suspend, operator []binding.Suspension, names ...string) *binding.Condition {
	var holds, ended []string
	if declared.Active(now) {
		holds = append(holds, fmt.Sprintf("until the end of %s, by %s: %s", declared.Until, declared.Owner, declared.Reason))
	} else if declared != nil {
		ended = append(ended, fmt.Sprintf("it ended with %s", declared.Until))
	}
	for _, s := range operator {
		at := s.Until.UTC().Format(time.RFC3339)
		switch {
		case !s.Holds(names...):
		case s.Active(now):
			holds = append(holds, fmt.Sprintf("until %s, by %s: %s", at, s.By, s.Reason))
		default:
			ended = append(ended, fmt.Sprintf("the one by %s ended at %s", s.By, at))
		}
	}
	c := condition(binding.Suspended, binding.True, ReasonSuspended, strings.Join(holds, "; "))
	switch {
	case len(holds) > 0:
	case len(ended) > 0:
		c = condition(binding.Suspended, binding.False, ReasonSuspensionEnded, strings.Join(ended, "; "))
	default:
		return nil
	}
	return &c
}
