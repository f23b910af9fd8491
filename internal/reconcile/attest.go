package reconcile

import (
	"context"
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Awaiting says for every binding in the last plan whether it waits for a
// person's word (see Attest); nil before the first plan.
func (r *Reconciler) Awaiting() map[string]bool {
	last := r.Last()
	if last == nil {
		return nil
	}
	names := map[string]bool{}
	for _, a := range last.Plan.Actions {
		names[a.Binding] = names[a.Binding] || a.Attestable(last.Observation.Capabilities)
	}
	return names
}

// Attest writes down that a person has done the steps that the last
// plan shows for a binding and that the registry cannot be asked about: what is
// bound and linked, with which token version, who said so and when. The answer
// says what was written. An error says why nothing is, or what of it was not.
func (r *Reconciler) Attest(ctx context.Context, name string, who binding.Person) (message.Message, error) {
	if err := who.Check(); err != nil {
		return message.Message{}, err
	}
	r.running.Lock()
	defer r.running.Unlock()
	if err := ctx.Err(); err != nil {
		return message.Message{}, message.NewError("attest.busy", "name", name, "err", err)
	}
	confirmed, err := awaiting(r.Last(), name)
	if err != nil {
		return message.Message{}, message.Within(name, err)
	}
	ctx = context.WithoutCancel(ctx)
	now := *r.Last()
	if err := r.remembered(ctx, &now, nil); err != nil {
		return message.Message{}, message.NewError("attest.unwritten", "name", name, "err", err)
	}
	written, err := r.applier.Attest(ctx, &now, confirmed, who)
	if err != nil {
		return message.Message{}, message.Within(name, err)
	}
	// What was confirmed is not confirmed twice: the round is made again.
	if err := errors.Join(r.remembered(ctx, &now, nil), r.people(ctx, &now)); err != nil {
		return message.Message{}, message.NewError("attest.written", "name", name, "err", err)
	}
	r.keep(now)
	said := written[0]
	for _, next := range written[1:] {
		said = message.New("confirmed.and", "first", said, "next", next)
	}
	return said, nil
}

// NoStepError says that no step of a binding waits for a person's word.
type NoStepError struct {
	// Action is the first of the binding's.
	Action plan.Action
}

func (e *NoStepError) Error() string { return message.English(e.Says()) }

// Says implements message.Sayer.
func (*NoStepError) Says() message.Message { return message.New("attest.no-step") }

// Why says why no step waits.
func (e *NoStepError) Why() message.Message {
	if e.Action.Kind.Changes() {
		return message.New("attest.without-person", "action", e.Action.Kind, "why", e.Action.Reason)
	}
	return e.Action.Reason
}

// awaiting are the actions of a round for a binding that a person has to
// confirm; the error says why there are none.
func awaiting(last *plan.Round, name string) ([]plan.Action, error) {
	var own, confirmed []plan.Action
	if last == nil {
		return nil, ErrUnseen
	}
	for _, a := range last.Plan.Actions {
		if a.Binding != name {
			continue
		}
		own = append(own, a)
		if a.Attestable(last.Observation.Capabilities) {
			confirmed = append(confirmed, a)
		}
	}
	switch {
	case len(own) == 0:
		return nil, message.NewError("attest.no-binding")
	case len(confirmed) == 0 && slices.ContainsFunc(own, func(a plan.Action) bool { return a.Kind.ByPerson() }):
		return nil, message.NewError("attest.can-ask")
	case len(confirmed) == 0:
		return nil, &NoStepError{own[0]}
	}
	for _, a := range confirmed {
		if d := a.Target.Declaration; a.Object.IsAccount() && d != nil && d.Spec.Token != nil &&
			a.Target.TokenVersion == 0 && a.Target.TokenFingerprint == "" {
			return nil, message.NewError("attest.which-token")
		}
	}
	return confirmed, nil
}
