package apply

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// maxRepairs limits how many repairs of an object are remembered.
const maxRepairs = 100

// Actions and outcomes of history entries about flapping and about people's steps.
const (
	historyRepair  = "repair"
	outcomeStopped = "stopped"
	outcomeResumed = "resumed"
	outcomeWaiting = "waiting"
	outcomeOverdue = "overdue"
)

// remember gives each outcome the retry state of its binding after the round, and
// writes the states that changed. A state that a person changed since the round was
// made is not overwritten. An event is sent only after its state is written. If the
// write fails, the next run writes the state and sends the event.
func (x *run) remember(ctx context.Context, result *plan.Result) {
	own, after, events := map[string][]plan.Outcome{}, map[string]binding.RetryState{}, map[string][]plan.Event{}
	for _, o := range result.Outcomes {
		own[o.Action.Binding] = append(own[o.Action.Binding], o)
	}
	for name, outcomes := range own {
		after[name], events[name] = x.retryState(name, outcomes, *result)
	}
	if !x.keepsAll() {
		for _, e := range x.round.RetryStates {
			if _, has := after[e.Binding]; !has {
				after[e.Binding] = binding.RetryState{Instance: e.Instance, Binding: e.Binding}
			}
		}
	}
	written := x.replace(ctx, x.round.RetryStates, after)
	for i := range result.Outcomes {
		o := &result.Outcomes[i]
		if o.Retry = after[o.Action.Binding]; o.State == plan.Held && o.Retry.Failed == nil {
			o.Retry.Failed = new(x.round.Retries[o.Action.Binding]) // A person reset it after that.
		}
		o.Pending = x.pendingStep(o.Action, o.Retry, result.Ended)
		if counts(*o) {
			x.noted(o, written[o.Action.Binding])
		}
	}
	var entries []binding.HistoryEntry
	for _, name := range slices.Sorted(maps.Keys(written)) {
		for _, e := range events[name] {
			if written[name] == nil {
				entries = append(entries, x.publish(e))
			}
		}
	}
	if len(entries) > 0 {
		_ = x.o.Store.AppendEvent(ctx, entries...) // The first action has reported that the history cannot be written.
	}
}

// counts reports whether an outcome changes how often its object was repaired.
func counts(o plan.Outcome) bool {
	return o.Action.Cause == plan.CauseFlapping || o.Action.Repairs() && o.State == plan.Done
}

// replace writes the states that the round changed, and returns the error of each.
// If a stored state is not as before the round, a person changed it meanwhile: it
// is kept, and replaces the one in after.
func (a *Applier) replace(ctx context.Context, before []binding.RetryState, after map[string]binding.RetryState) (written map[string]error) {
	changed := slices.DeleteFunc(slices.Collect(maps.Keys(after)), func(name string) bool {
		return same(plan.RetryStateOf(before, name), after[name])
	})
	if len(changed) == 0 {
		return nil
	}
	a.remembering.Lock()
	defer a.remembering.Unlock()
	states, err := a.o.Store.RetryStates(ctx, a.o.Instance)
	written = map[string]error{}
	var keep []binding.RetryState
	for _, name := range changed {
		if err != nil {
			written[name] = message.NewError("apply.retry-unread", "binding", name, "why", err)
		} else if now := plan.RetryStateOf(states, name); !same(now, plan.RetryStateOf(before, name)) {
			after[name] = now
		} else {
			keep = append(keep, after[name])
		}
	}
	maps.Copy(written, a.keepRetryStates(ctx, keep))
	return written
}

// same reports whether two retry states have the same content.
func same(a, b binding.RetryState) bool {
	return a.Empty() && b.Empty() || binding.DigestOf(a) == binding.DigestOf(b)
}

// RetryStates returns the retry states after correcting the times that a clock
// wrote when it was ahead. It writes the corrected states, so that their time
// passes from now on. If it cannot write one, the next run corrects it in the same
// way.
func (a *Applier) RetryStates(ctx context.Context) ([]binding.RetryState, error) {
	a.remembering.Lock()
	defer a.remembering.Unlock()
	states, err := a.o.Store.RetryStates(ctx, a.o.Instance)
	for i, e := range states {
		if states[i] = e.AsOf(a.o.Now()); !same(e, states[i]) {
			_ = a.keepRetryState(ctx, states[i])
		}
	}
	return states, err
}

// keepRetryStates writes retry states, deletes empty ones, and returns the error of
// each. All states to write are one call of the store.
func (a *Applier) keepRetryStates(ctx context.Context, states []binding.RetryState) map[string]error {
	written := map[string]error{}
	var put []binding.RetryState
	for _, e := range states {
		if e.Empty() {
			written[e.Binding] = unwritten(e, a.o.Store.DeleteRetryState(ctx, e))
		} else {
			put = append(put, e)
		}
	}
	if len(put) == 0 {
		return written
	}
	err := a.o.Store.PutRetryState(ctx, put...)
	for _, e := range put {
		written[e.Binding] = unwritten(e, err)
	}
	return written
}

func unwritten(e binding.RetryState, err error) error {
	if err == nil {
		return nil
	}
	return message.NewError("apply.retry-unwritten", "binding", e.Binding, "why", err)
}

// keepRetryState writes one retry state.
func (a *Applier) keepRetryState(ctx context.Context, e binding.RetryState) error {
	return a.keepRetryStates(ctx, []binding.RetryState{e})[e.Binding]
}

// retryState returns the retry state of a binding after the round, and events about
// what is new in it. Repairs under a different declaration are dropped. A binding
// that is not declared now keeps its repairs, because its file may be invalid.
func (x *run) retryState(name string, own []plan.Outcome, result plan.Result) (now binding.RetryState, events []plan.Event) {
	before, digest := plan.RetryStateOf(x.round.RetryStates, name), x.digests[name]
	now = binding.RetryState{Instance: x.o.Instance, Binding: name, Digest: digest}
	if digest == "" || before.Digest == digest {
		now.Digest, now.Repairs = before.Digest, slices.Clone(before.Repairs)
	}
	now.Failed = x.failure(name, own, result.Incomplete)
	now.BindForbidden = x.bindForbidden(name, before.BindForbidden)
	now.ContradictedSince = contradictedSince(own, before.ContradictedSince, result)
	now.Pending, events = x.pending(own, before)
	for _, o := range own {
		switch {
		case o.Action.Cause == plan.CauseFlapping:
			if r := repairsOf(&now, o.Action.Object); r.Stopped.IsZero() && len(r.Made) > 0 {
				r.Stopped = result.Ended
				events = append(events, plan.Event{Kind: plan.RepairsStopped, Action: o.Action})
			}
		case counts(o):
			x.count(repairsOf(&now, o.Action.Object), binding.NewRepair(result.Ended, o.Action.Found()))
		}
	}
	now.Repairs = slices.DeleteFunc(now.Repairs, func(r binding.Repairs) bool { return len(r.Made) == 0 })
	slices.SortFunc(now.Repairs, func(a, b binding.Repairs) int { return a.Object.Compare(b.Object) })
	return now, events
}

// contradictedSince returns since when the registry's answers to a binding's writes
// contradict its reads, after a round; zero if they do not. A write that was not
// tried does not change that.
func contradictedSince(own []plan.Outcome, before time.Time, result plan.Result) time.Time {
	for _, o := range own {
		switch {
		case o.State == plan.Kept && o.Unseen, contradicts(o.Err):
			return cmp.Or(before, result.Ended)
		case o.State == plan.Held, o.State == plan.Stopped, o.State == plan.Deferred, o.State == plan.Skipped, result.Incomplete:
			return before
		}
	}
	return time.Time{}
}

// count adds a repair, and drops those that no longer count.
func (x *run) count(r *binding.Repairs, made binding.Repair) {
	policy := x.round.Policy
	r.Made = append(slices.Clone(r.Since(made.At.Add(-policy.RepairsWithin))), made)
	most := min(max(policy.MaxRepairs, 1), maxRepairs)
	r.Made = r.Made[max(len(r.Made)-most, 0):]
}

// repairsOf returns the repairs of an object in a retry state, and adds the object
// if it has none.
func repairsOf(e *binding.RetryState, object binding.Object) *binding.Repairs {
	i := slices.IndexFunc(e.Repairs, func(r binding.Repairs) bool { return r.Object == object })
	if i < 0 {
		i = len(e.Repairs)
		e.Repairs = append(e.Repairs, binding.Repairs{Object: object})
	}
	return &e.Repairs[i]
}

// publish emits an event about stopped repairs or a person's step, and returns the
// history entry for it.
func (x *run) publish(e plan.Event) binding.HistoryEntry {
	e.Revision = x.round.Revision
	x.o.Emit(e)
	a := e.Action
	h := binding.HistoryEntry{
		Time: x.o.Now(), Instance: a.Instance, Binding: a.Binding, Action: string(a.Kind), Object: a.Object,
		Revision: x.round.Revision, Digest: x.digest,
	}
	m := a.Reason
	switch e.Kind {
	case plan.RepairsStopped:
		h.Action, h.Outcome, m = historyRepair, outcomeStopped, message.New("history.repairs-stopped", "why", a.Reason)
	case plan.StepDue:
		h.Outcome = outcomeWaiting
	case plan.StepOverdue:
		h.Outcome, m = outcomeOverdue, message.New("history.overdue", "since", e.Since, "why", a.Reason)
	case plan.StepDone:
		h.Outcome, m = string(plan.Done), message.New("history.step-done", "since", e.Since)
	default:
	}
	return h.WithMessage(m)
}

// Reset forgets the repairs and the failures of a binding, or of the whole instance
// if name is empty, because a person asks for it. Repairs are made again and
// counted from zero. It returns the objects whose repairs were stopped.
func (a *Applier) Reset(ctx context.Context, name string, by binding.Person) (resumed []string, err error) {
	a.remembering.Lock()
	defer a.remembering.Unlock()
	states, err := a.o.Store.RetryStates(ctx, a.o.Instance)
	for _, e := range states {
		if err != nil || name != "" && e.Binding != name {
			continue
		}
		stopped := slices.DeleteFunc(slices.Clone(e.Repairs), func(r binding.Repairs) bool { return r.Stopped.IsZero() })
		e.Repairs, e.Failed = nil, nil
		if name != "" {
			e.BindForbidden = time.Time{} // A person who names the binding wants the bind to be tried.
		}
		err = a.keepRetryState(ctx, e)
		for _, r := range stopped {
			resumed = append(resumed, e.Binding+": "+r.Object.String())
			if err == nil {
				err = a.o.Store.AppendEvent(ctx, binding.HistoryEntry{
					Person: by, Time: a.o.Now(), Instance: e.Instance, Binding: e.Binding, Action: historyRepair, Object: r.Object,
					Outcome: outcomeResumed,
				}.WithMessage(message.New("history.repairs-resumed")))
			}
		}
	}
	if err != nil {
		return nil, message.NewError("apply.reset", "of", cmp.Or(name, a.o.Instance), "why", err)
	}
	return resumed, nil
}

// stepsDone ends the pending steps of a binding, because a person did them. If they
// become due again before the next observation, they are pending from then on.
func (a *Applier) stepsDone(ctx context.Context, name string) error {
	a.remembering.Lock()
	defer a.remembering.Unlock()
	states, err := a.o.Store.RetryStates(ctx, a.o.Instance)
	if e := plan.RetryStateOf(states, name); err == nil && len(e.Pending) > 0 {
		e.Pending = nil
		err = a.keepRetryState(ctx, e)
	}
	return err
}
