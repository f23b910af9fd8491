package apply

import (
	"cmp"
	"context"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// pending returns since when the steps of one binding are pending after a round,
// and events about steps that become pending, are overdue, or are observed to be
// done.
func (x *run) pending(own []plan.Outcome, before binding.RetryState) (now []binding.PendingSince, events []plan.Event) {
	at, stepUnclear := x.o.Now(), false
	for _, o := range own {
		a, p := o.Action, before.PendingOf(o.Action.Platform, o.Action.Object)
		digest, asked := x.digests[a.Binding], cmp.Or(p.Digest, before.Digest)
		sameDeclaration := digest == "" || asked == "" || asked == digest // If the declaration changed, a step may no longer be needed although nobody did it.
		unclear := x.stepUnclear(a)
		stepUnclear = stepUnclear || unclear
		switch {
		case a.Kind.ByPerson():
			if p.Since.IsZero() {
				p = binding.PendingSince{Platform: a.Platform, Object: a.Object, Since: at, TokenVersion: a.Target.TokenVersion}
				if len(before.Pending) > 0 {
					p.Changed = at // A person may have read the other steps without this one.
				}
				events = append(events, plan.Event{Kind: plan.StepDue, Action: a, Since: at})
			}
			p = askedFor(p, a, at)
			p.Digest = cmp.Or(digest, binding.Undeclared)
			if !p.Overdue && x.overdue(p.Since, at) {
				p.Overdue = true
				events = append(events, plan.Event{Kind: plan.StepOverdue, Action: a, Since: p.Since})
			}
			now = append(now, p)
		case p.Since.IsZero():
		case unclear:
			now = append(now, p)
		case (a.Settled() || a.Kind == plan.Adopt) && sameDeclaration:
			a.Kind = plan.Kind(p.Action)
			events = append(events, plan.Event{Kind: plan.StepDone, Action: a, Since: p.Since})
		}
	}
	for _, p := range before.Pending {
		planned := slices.ContainsFunc(own, func(o plan.Outcome) bool {
			return o.Action.Platform == p.Platform && o.Action.Object == p.Object
		})
		if !planned && stepUnclear {
			now = append(now, p)
		}
	}
	slices.SortFunc(now, func(a, b binding.PendingSince) int {
		return cmp.Or(cmp.Compare(a.Platform, b.Platform), a.Object.Compare(b.Object))
	})
	return now, events
}

// askedFor returns a pending step after a round that asks for an action.
func askedFor(p binding.PendingSince, a plan.Action, at time.Time) binding.PendingSince {
	asks := a.Asks()
	if p.Asks != "" && p.Asks != asks {
		p.Changed = at
	}
	if p.TokenVersion != a.Target.TokenVersion {
		p.TokenVersion = 0
	}
	p.Action, p.Asks = string(a.Kind), asks
	return p
}

// noteSteps notes in the records what becomes unknown because of the steps for
// people: the registry cannot be asked whether they are done. If the note cannot be
// written, the step has failed.
func (x *run) noteSteps(ctx context.Context, outcomes []plan.Outcome) {
	for i := range outcomes {
		o := &outcomes[i]
		if o.State != plan.Pending || !o.Action.Attestable(x.round.Observation.Capabilities) {
			continue
		}
		for _, r := range x.memory.all() {
			if changed := noteStep(&r, o.Action); changed {
				if err := x.memory.put(ctx, r); err != nil {
					x.noted(o, err)
				}
			}
		}
	}
}

// noteStep notes in a record that a person was asked to do an action. It reports
// whether that changed the record.
func noteStep(r *binding.Record, a plan.Action) (changed bool) {
	image := r.Image(a.Object.Image)
	switch {
	case !r.Managed:
	case a.Object.IsAccount():
		changed = r.Platform == a.Platform && !r.StepAsked
		r.StepAsked = r.StepAsked || changed
	case image != nil && !image.StepAsked:
		r.Images = slices.Clone(r.Images)
		r.Image(a.Object.Image).StepAsked, changed = true, true
	}
	return changed
}

// stepsAsRead returns an error if steps of one binding changed after they were first
// shown, because it is unknown then which of them a person did. It returns that once:
// from then on, the steps count as read.
func (a *Applier) stepsAsRead(ctx context.Context, confirmed []plan.Action) error {
	a.remembering.Lock()
	defer a.remembering.Unlock()
	states, err := a.o.Store.RetryStates(ctx, a.o.Instance)
	if err != nil {
		return message.NewError("apply.retry-unread", "binding", confirmed[0].Binding, "why", err)
	}
	e, changed := plan.RetryStateOf(states, confirmed[0].Binding), time.Time{}
	e.Pending = slices.Clone(e.Pending)
	for i := range e.Pending {
		p := &e.Pending[i]
		for _, step := range confirmed {
			if step.Platform != p.Platform || step.Object != p.Object {
				continue
			}
			if asks := step.Asks(); p.Asks != "" && p.Asks != asks {
				p.Asks, p.Changed = asks, a.o.Now()
			}
			if p.Changed.After(changed) {
				changed = p.Changed
			}
			p.Changed = time.Time{}
		}
	}
	if changed.IsZero() {
		return nil
	}
	if err := a.keepRetryState(ctx, e); err != nil {
		return err
	}
	return message.NewError("apply.attest.changed", "at", changed, "binding", e.Binding)
}

// overdue reports whether a step that is pending since then should have been done
// by now.
func (x *run) overdue(since, now time.Time) bool {
	due := x.round.Policy.Due(since)
	return !due.IsZero() && now.After(due)
}

// pendingStep is what a person is asked to do; nil if there is nothing to do.
func (x *run) pendingStep(a plan.Action, e binding.RetryState, now time.Time) *binding.PendingStep {
	if !a.Kind.ByPerson() {
		return nil
	}
	since := cmp.Or(e.PendingOf(a.Platform, a.Object).Since, now)
	return &binding.PendingStep{
		Object: a.Object, Action: string(a.Kind), Reason: a.Reason, Steps: a.Steps,
		Since: since, Due: x.round.Policy.Due(since), Overdue: x.overdue(since, now),
	}
}

// stepUnclear reports whether an action leaves it unknown whether a step is done:
// something did not answer, or is refused. It is false for what is suspended or
// only observed, because nobody is asked to do that.
func (x *run) stepUnclear(a plan.Action) bool {
	now := x.o.Now()
	held := func(s binding.Suspension) bool { return s.Active(now) && s.Holds(a.Binding) }
	if d := a.Target.Declaration; d != nil && (d.Spec.Observed() || d.Spec.Suspend.Active(now)) || slices.ContainsFunc(x.round.Suspensions, held) {
		return false
	}
	return a.Kind == plan.Forbidden || a.Kind == plan.Noop && !a.Settled()
}
