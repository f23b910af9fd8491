package reconcile

import (
	"context"
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Awaiting returns for every binding in the last plan whether a person has to
// confirm a step of it (see Attest); nil before the first plan.
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

// Attest records that a person has done those steps of a binding in the last plan
// that the registry cannot be asked about: what is bound and linked, with which
// token version, who confirmed it and when. It returns a message about what was
// written. An error says why nothing, or not everything, was written.
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
	// The round is made again, so that nothing is confirmed twice.
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

// NoStepError means that no step of a binding has to be confirmed by a person.
type NoStepError struct {
	// Action is the first action of the binding.
	Action plan.Action
}

func (e *NoStepError) Error() string { return message.English(e.AsMessage()) }

// AsMessage implements message.Translatable.
func (*NoStepError) AsMessage() message.Message { return message.New("attest.no-step") }

// Why says why no step has to be confirmed.
func (e *NoStepError) Why() message.Message {
	if e.Action.Kind.Changes() {
		return message.New("attest.without-person", "action", e.Action.Kind, "why", e.Action.Reason)
	}
	return e.Action.Reason
}

// awaiting returns the actions of a binding in a round that a person has to
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
