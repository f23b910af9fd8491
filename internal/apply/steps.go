package apply

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Outcomes of the history on people's steps.
const (
	outcomeWaiting = "waiting"
	outcomeOverdue = "overdue"
)

// keepSteps brings what is remembered of people's steps up to the plan, and tells
// once of each that begins to wait, is overdue, or is seen done. What cannot be
// written now is written, and told, by the next run.
func (x *run) keepSteps(ctx context.Context) {
	states, err := x.o.Store.RetryStates(ctx, x.o.Instance)
	if err != nil {
		return
	}
	own := map[string][]plan.Action{}
	for _, a := range x.round.Plan.Actions {
		own[a.Binding] = append(own[a.Binding], a)
	}
	for _, name := range slices.Sorted(maps.Keys(own)) {
		before := plan.RetryStateOf(states, name)
		now, news := x.stepsOf(own[name], before)
		if slices.Equal(before.Pending, now) {
			continue
		}
		if err := x.update(ctx, name, x.digests[name], func(e *binding.RetryState) { e.Pending = now }); err != nil {
			continue
		}
		for _, n := range news {
			x.tellStep(ctx, n)
		}
	}
}

// stepsOf are the pending steps of one binding after a plan, and the news of them.
func (x *run) stepsOf(actions []plan.Action, before binding.RetryState) (now []binding.PendingSince, news []plan.Event) {
	at := x.o.Now()
	unsure := slices.ContainsFunc(actions, x.unsure)
	for _, a := range actions {
		w := before.PendingOf(a.Platform, a.Object)
		switch {
		case a.Kind.ByPerson():
			if w.Since.IsZero() {
				w = binding.PendingSince{Platform: a.Platform, Object: a.Object, Since: at}
				news = append(news, plan.Event{Kind: plan.StepDue, Action: a, Since: at})
			}
			w.Action = string(a.Kind)
			if due := x.round.Policy.Due(w.Since); !w.Overdue && !due.IsZero() && at.After(due) {
				w.Overdue = true
				news = append(news, plan.Event{Kind: plan.StepOverdue, Action: a, Since: w.Since})
			}
			now = append(now, w)
		case w.Since.IsZero():
		case x.unsure(a):
			now = append(now, w)
		case a.Settled() || a.Kind == plan.Adopt:
			a.Kind = plan.Kind(w.Action)
			news = append(news, plan.Event{Kind: plan.StepDone, Action: a, Since: w.Since})
		}
	}
	for _, w := range before.Pending {
		planned := slices.ContainsFunc(actions, func(a plan.Action) bool { return a.Platform == w.Platform && a.Object == w.Object })
		if !planned && unsure {
			now = append(now, w)
		}
	}
	slices.SortFunc(now, func(a, b binding.PendingSince) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), a.Object.Compare(b.Object))
	})
	return now, news
}

// unsure says that an action tells nothing of whether a step is done: something
// did not answer, or is refused. What is suspended or only looked at is asked
// of nobody.
func (x *run) unsure(a plan.Action) bool {
	now := x.o.Now()
	held := func(s binding.Suspension) bool { return s.Active(now) && s.Holds(a.Binding) }
	if d := a.Target.Declaration; d != nil && (d.Spec.Observed() || d.Spec.Suspend.Active(now)) || slices.ContainsFunc(x.round.Suspensions, held) {
		return false
	}
	return a.Kind == plan.Forbidden || a.Kind == plan.Noop && !a.Settled()
}

// tellStep tells whoever listens, and the history, of a person's step.
func (x *run) tellStep(ctx context.Context, e plan.Event) {
	e.Revision = x.round.Revision
	x.o.Emit(e)
	a := e.Action
	h := binding.HistoryEntry{
		Time: x.o.Now(), Instance: a.Instance, Binding: a.Binding, Action: string(a.Kind), Object: a.Object,
		Outcome: outcomeWaiting, Revision: x.round.Revision, Digest: x.digest,
	}
	m := a.Reason
	switch e.Kind {
	case plan.StepOverdue:
		h.Outcome, m = outcomeOverdue, message.New("history.overdue", "since", e.Since, "why", a.Reason)
	case plan.StepDone:
		h.Outcome, m = string(plan.Done), message.New("history.step-done", "since", e.Since)
	default:
	}
	h.ID, h.Args = m.ID, m.Args
	_ = x.o.Store.AppendEvent(ctx, h) // A history that cannot be written told so at the first action.
}
