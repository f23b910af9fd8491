package apply

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// mostRepairs bounds how many repairs of an object are remembered.
const mostRepairs = 100

// Words of the history on repairs that do not hold.
const (
	historyRepair  = "repair"
	outcomeStopped = "stopped"
	outcomeResumed = "resumed"
)

// update changes what is remembered of one binding, under the spec of that
// digest: the repairs under another are dropped. None says that it is not
// declared now, from which nothing follows: its file may be broken.
func (r *Applier) update(ctx context.Context, name, digest string, change func(*binding.RetryState)) error {
	r.remembering.Lock()
	defer r.remembering.Unlock()
	states, err := r.o.Store.RetryStates(ctx, r.o.Instance)
	if err != nil {
		return fmt.Errorf("what is remembered of %s: %w", name, err)
	}
	now := binding.RetryState{Instance: r.o.Instance, Binding: name, Digest: digest}
	for _, e := range states {
		switch {
		case e.Binding != name:
		case e.Digest == digest || digest == "":
			now = e
		default:
			now.Pending, now.Failed = e.Pending, e.Failed
		}
	}
	change(&now)
	now.Repairs = slices.DeleteFunc(now.Repairs, func(r binding.Repairs) bool { return len(r.Made) == 0 })
	if err := r.keepRetryState(ctx, now); err != nil {
		return fmt.Errorf("what is remembered of %s could not be written: %w", name, err)
	}
	return nil
}

// keepRetryState writes a retry state, or that there is nothing to remember.
func (r *Applier) keepRetryState(ctx context.Context, e binding.RetryState) error {
	if e.Empty() {
		return r.o.Store.DeleteRetryState(ctx, e)
	}
	return r.o.Store.PutRetryState(ctx, e)
}

// repaired counts a repair of drift, and drops those that count no more.
func (x *run) repaired(ctx context.Context, a plan.Action) error {
	now, policy := x.o.Now(), x.round.Policy
	return x.update(ctx, a.Binding, x.digests[a.Binding], func(e *binding.RetryState) {
		r := repairsOf(e, a.Object)
		r.Made = append(slices.Clone(r.Since(now.Add(-policy.RepairsWithin))), binding.Repair{At: now, Found: a.Found()})
		if most := min(max(policy.MaxRepairs, 1), mostRepairs); len(r.Made) > most {
			r.Made = r.Made[len(r.Made)-most:]
		}
	})
}

// repairsOf finds the repairs of an object in a retry state, which it is added to
// where there were none.
func repairsOf(e *binding.RetryState, object binding.Object) *binding.Repairs {
	i := slices.IndexFunc(e.Repairs, func(r binding.Repairs) bool { return r.Object == object })
	if i < 0 {
		e.Repairs = append(slices.Clone(e.Repairs), binding.Repairs{Object: object})
		slices.SortFunc(e.Repairs, func(a, b binding.Repairs) int { return a.Object.Compare(b.Object) })
		i = slices.IndexFunc(e.Repairs, func(r binding.Repairs) bool { return r.Object == object })
	}
	return &e.Repairs[i]
}

// stopRepairs writes down that an object is not repaired any more, the first
// time that a plan says so: from then on only another declaration or a person
// begins anew. A person may have done so since the plan was made.
func (x *run) stopRepairs(ctx context.Context, a plan.Action) error {
	now, first := x.o.Now(), false
	err := x.update(ctx, a.Binding, x.digests[a.Binding], func(e *binding.RetryState) {
		r := repairsOf(e, a.Object)
		if first = r.Stopped.IsZero() && len(r.Made) > 0; first {
			r.Stopped = now
		}
	})
	if err != nil || !first {
		return err
	}
	x.o.Emit(plan.Event{Kind: plan.RepairsStopped, Revision: x.round.Revision, Action: a})
	m := message.New("history.repairs-stopped", "why", a.Reason)
	return x.o.Store.AppendEvent(ctx, binding.HistoryEntry{
		Time: now, Instance: a.Instance, Binding: a.Binding, Action: historyRepair, Object: a.Object,
		Outcome: outcomeStopped, ID: m.ID, Args: m.Args, Revision: x.round.Revision, Digest: x.digest,
	})
}

// Reset forgets the repairs and the failures of a binding, or of the whole
// instance for no name, because a person asks for it: repairs are made and
// counted again. It returns the objects that are repaired again.
func (r *Applier) Reset(ctx context.Context, name string, by binding.Person) ([]string, error) {
	r.remembering.Lock()
	defer r.remembering.Unlock()
	states, err := r.o.Store.RetryStates(ctx, r.o.Instance)
	if err != nil {
		return nil, fmt.Errorf("begin anew for %s: %w", cmp.Or(name, r.o.Instance), err)
	}
	var lifted []string
	for _, e := range states {
		if name != "" && e.Binding != name {
			continue
		}
		var stopped []binding.Object
		for _, o := range e.Repairs {
			if !o.Stopped.IsZero() {
				stopped = append(stopped, o.Object)
				lifted = append(lifted, e.Binding+": "+o.Object.String())
			}
		}
		if err := r.begunAnew(ctx, e, stopped, by); err != nil {
			return nil, err
		}
	}
	return lifted, nil
}

// begunAnew writes that the repairs of a retry state begin anew, and, where some
// were stopped, who said so.
func (r *Applier) begunAnew(ctx context.Context, e binding.RetryState, stopped []binding.Object, by binding.Person) error {
	e.Repairs, e.Failed = nil, nil
	err := r.keepRetryState(ctx, e)
	for _, object := range stopped {
		if err != nil {
			break
		}
		err = r.o.Store.AppendEvent(ctx, binding.HistoryEntry{
			Person: by, Time: r.o.Now(), Instance: e.Instance, Binding: e.Binding, Action: historyRepair, Object: object,
			Outcome: outcomeResumed, Message: "repairs begin anew, and are counted from now on",
		})
	}
	if err != nil {
		return fmt.Errorf("begin anew for %s: %w", e.Binding, err)
	}
	return nil
}

// keepFailures writes what failed, so that a restart tries nothing without its
// pause. What cannot be written is tried too early after one, no more.
func (x *run) keepFailures(ctx context.Context, retries map[string]binding.Failed) {
	states, err := x.o.Store.RetryStates(ctx, x.o.Instance)
	if err != nil {
		return
	}
	names := map[string]bool{}
	for _, a := range x.round.Plan.Actions {
		names[a.Binding] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, now := plan.RetryStateOf(states, name).Failed, (*binding.Failed)(nil)
		if failed, is := retries[name]; is {
			now = &failed
		}
		if before == nil && now == nil || before != nil && now != nil && before.Times == now.Times && before.Next.Equal(now.Next) && before.Tried == now.Tried {
			continue
		}
		_ = x.update(ctx, name, x.digests[name], func(e *binding.RetryState) { e.Failed = now })
	}
}

// forgetRetryStates drops what is remembered of bindings that no plan speaks of
// any more. While a file is broken it may declare them, and a snapshot that
// removes nothing forgets nothing.
func (x *run) forgetRetryStates(ctx context.Context) {
	if x.keepsAll() {
		return
	}
	r := x.Applier
	names := map[string]bool{}
	for _, a := range x.round.Plan.Actions {
		names[a.Binding] = true
	}
	r.remembering.Lock()
	defer r.remembering.Unlock()
	states, err := r.o.Store.RetryStates(ctx, r.o.Instance)
	if err != nil {
		return // It told so when it was written; what is left is dropped later.
	}
	for _, e := range states {
		if !names[e.Binding] {
			_ = r.o.Store.DeleteRetryState(ctx, e)
		}
	}
}
