package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// historyAttest is the history's word for what a person confirmed.
const historyAttest = "attest"

// Attest writes down that a person has done actions of one binding, which the
// round's plan asks for: the records after them, and the history. It returns what
// was written.
func (a *Applier) Attest(ctx context.Context, round *plan.Round, confirmed []plan.Action, who binding.Person) ([]message.Message, error) {
	t := attestation{who: who, can: round.Observation.Capabilities, revision: round.Revision, digest: round.Plan.Digest(), ledger: newLedger(a.o.Store, a.o.Now, round.Records)}
	name := confirmed[0].Binding
	for len(confirmed) > 0 {
		// A binding that changed its platform is removed from one and made on
		// the other: two records.
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
	return t.said, nil
}

// attestation is one person's word being written down.
type attestation struct {
	who              binding.Person
	can              binding.Capabilities
	revision, digest string
	ledger           *ledger
	said             []message.Message
}

// write writes the record and the history of the confirmed actions of one
// binding and platform.
func (t *attestation) write(ctx context.Context, confirmed []plan.Action) error {
	first := confirmed[0]
	before := t.ledger.record(first.Binding, first.Platform)
	if old := first.Target.Record; before == nil && old != nil {
		before = t.ledger.record(old.Binding, old.Platform)
	}
	onAccount := slices.ContainsFunc(confirmed, func(a plan.Action) bool { return a.Object.IsAccount() })
	if !onAccount && (before == nil || !before.Managed) {
		return message.NewError("apply.attest.not-ours")
	}
	after := plan.Attested(confirmed, t.can, before)
	if after != nil && onAccount {
		after.Attested = &binding.Confirmation{Person: t.who, At: t.ledger.now()}
	}
	if err := t.remember(ctx, before, after); err != nil {
		return err
	}
	if onAccount {
		// What an earlier call left open is answered by the person.
		open := binding.Intent{Instance: first.Instance, Binding: first.Binding, Platform: first.Platform, Object: binding.AccountObject()}
		if err := t.ledger.over(ctx, open); err != nil {
			return err
		}
	}
	for _, a := range confirmed {
		what := confirmation(a)
		t.said = append(t.said, what)
		if err := t.ledger.store.AppendEvent(ctx, binding.HistoryEntry{
			Person: t.who, Time: t.ledger.now(), Instance: a.Instance, Binding: a.Binding, Action: historyAttest, Object: a.Object,
			Outcome: string(plan.Done), Revision: t.revision, Digest: t.digest,
		}.Saying(message.New("history.confirmed", "by", message.Foreign(t.who.By), "what", what))); err != nil {
			return message.NewError("apply.attest.no-history", "why", err)
		}
	}
	return nil
}

// remember replaces a record by the one after, which is nil where the binding
// was removed. Where the name changes, two records do, held together by an
// intent.
func (t *attestation) remember(ctx context.Context, before, after *binding.Record) error {
	switch {
	case after == nil && before == nil:
		return nil
	case after == nil:
		return t.ledger.forget(ctx, *before)
	case before == nil || sameKey(*before, *after):
		return t.ledger.keep(ctx, *after)
	}
	intent := binding.Intent{
		Instance: after.Instance, Binding: after.Binding, Platform: after.Platform,
		Action: string(plan.Adopt), Object: binding.AccountObject(), Record: *before, After: *after,
	}
	if err := t.ledger.begin(ctx, intent); err != nil {
		return err
	}
	if err := t.ledger.keep(ctx, *after); err != nil {
		return err
	}
	return t.ledger.forget(ctx, *before) // That the intent is over is written by the caller.
}

// confirmation says what a person's word on an action means.
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
