package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// historyAttest is the action of a history entry about what a person confirmed.
const historyAttest = "attest"

// Attest records that a person has done actions of one binding that the round's
// plan asks for. It writes the records after them and the history, and returns what
// was confirmed.
func (a *Applier) Attest(ctx context.Context, round *plan.Round, confirmed []plan.Action, who binding.Person) ([]message.Message, error) {
	if err := a.stepsAsRead(ctx, confirmed); err != nil {
		return nil, err
	}
	t := attestation{who: who, can: round.Observation.Capabilities, revision: round.Revision, digest: round.Plan.Digest(), memory: newMemory(a.o.Store, a.o.Now, round.Records)}
	name := confirmed[0].Binding
	for len(confirmed) > 0 {
		// A binding that changed its platform has two records: one to remove on the
		// old platform, and one to write on the new one.
		platform := confirmed[0].Platform
		own := slices.DeleteFunc(slices.Clone(confirmed), func(a plan.Action) bool { return a.Platform != platform })
		confirmed = slices.DeleteFunc(slices.Clone(confirmed), func(a plan.Action) bool { return a.Platform == platform })
		if err := t.write(ctx, own); err != nil {
			return nil, err
		}
	}
	if err := a.stepsDone(ctx, name); err != nil {
		return nil, message.NewError("apply.attest.written", "why", err)
	}
	return t.messages, nil
}

// attestation records what one person confirmed.
type attestation struct {
	who              binding.Person
	can              binding.Capabilities
	revision, digest string
	memory           *memory
	messages         []message.Message
}

// write writes the record and the history of the confirmed actions of one
// binding and platform.
func (t *attestation) write(ctx context.Context, confirmed []plan.Action) error {
	first := confirmed[0]
	before := t.memory.record(first.Binding, first.Platform)
	if old := first.Target.Record; before == nil && old != nil {
		before = t.memory.record(old.Binding, old.Platform)
	}
	onAccount := slices.ContainsFunc(confirmed, func(a plan.Action) bool { return a.Object.IsAccount() })
	if !onAccount && (before == nil || !before.Managed) {
		return message.NewError("apply.attest.not-ours")
	}
	after := plan.Attested(confirmed, t.can, before)
	if after != nil && onAccount {
		after.Attested = &binding.Confirmation{Person: t.who, At: t.memory.now()}
	}
	if err := t.remember(ctx, before, after); err != nil {
		return err
	}
	if onAccount {
		// The person has confirmed the outcome of any earlier call.
		open := binding.Intent{Instance: first.Instance, Binding: first.Binding, Platform: first.Platform, Object: binding.AccountObject()}
		if err := t.memory.over(ctx, open); err != nil {
			return err
		}
	}
	for _, a := range confirmed {
		what := confirmation(a)
		t.messages = append(t.messages, what)
		if err := t.memory.store.AppendEvent(ctx, binding.HistoryEntry{
			Person: t.who, Time: t.memory.now(), Instance: a.Instance, Binding: a.Binding, Action: historyAttest, Object: a.Object,
			Outcome: string(plan.Done), Revision: t.revision, Digest: t.digest,
		}.WithMessage(message.New("history.confirmed", "by", message.Foreign(t.who.By), "what", what))); err != nil {
			return message.NewError("apply.attest.no-history", "why", err)
		}
	}
	return nil
}

// remember replaces a record; after is nil if the binding was removed. If the name
// changes, two records change, and an intent makes sure that both do.
func (t *attestation) remember(ctx context.Context, before, after *binding.Record) error {
	switch {
	case after == nil && before == nil:
		return nil
	case after == nil:
		return t.memory.forget(ctx, *before)
	case before == nil || sameKey(*before, *after):
		return t.memory.keep(ctx, *after)
	}
	intent := binding.Intent{
		Instance: after.Instance, Binding: after.Binding, Platform: after.Platform,
		Action: string(plan.Adopt), Object: binding.AccountObject(), Record: *before, After: *after,
	}
	if err := t.memory.begin(ctx, intent); err != nil {
		return err
	}
	if err := t.memory.keep(ctx, *after); err != nil {
		return err
	}
	return t.memory.forget(ctx, *before) // The caller removes the intent.
}

// confirmation describes what a person has confirmed about an action.
func confirmation(a plan.Action) message.Message {
	d := a.Target.Declaration
	switch {
	case !a.Object.IsAccount() && a.Target.Link == nil:
		return message.New("confirmed.unlinked", "object", a.Object, "platform", a.Platform.Title())
	case !a.Object.IsAccount():
		return message.New("confirmed.linked", "object", a.Object, "source", a.Target.Link.Source, "platform", a.Platform.Title())
	case d == nil:
		return message.New("confirmed.unbound", "platform", a.Platform.Title(), "instance", a.Instance)
	}
	return message.New("confirmed.bound", "platform", a.Platform.Title(), "instance", a.Instance, "username", d.Spec.Username,
		"token", d.Spec.Token != nil, "version", a.Target.TokenVersion)
}
