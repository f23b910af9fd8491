package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// historyAttest is the history's word for what a person confirmed.
const historyAttest = "attest"

// Awaiting tells of every binding in the last plan whether it waits for a
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
func (r *Reconciler) Attest(ctx context.Context, name string, who binding.Person) (string, error) {
	if err := who.Check(); err != nil {
		return "", fmt.Errorf("attest: %w", err)
	}
	r.running.Lock()
	defer r.running.Unlock()
	if err := ctx.Err(); err != nil {
		return "", fmt.Errorf("attest %s: nothing was written: a sync was under way for too long; try again: %w", name, err)
	}
	confirmed, err := awaiting(r.Last(), name)
	if err != nil {
		return "", fmt.Errorf("attest %s: %w", name, err)
	}
	ctx = context.WithoutCancel(ctx)
	now := *r.Last()
	if err := r.remembered(ctx, &now); err != nil {
		return "", fmt.Errorf("attest %s: nothing was written: %w", name, err)
	}
	t := attestation{who: who, revision: now.Revision, digest: now.Plan.Digest(), ledger: newLedger(r.o.Store, r.o.Now, now.Records)}
	for len(confirmed) > 0 {
		// A binding that changed its platform is removed from one and made on
		// the other: two records.
		platform := confirmed[0].Platform
		own := slices.DeleteFunc(slices.Clone(confirmed), func(a plan.Action) bool { return a.Platform != platform })
		confirmed = slices.DeleteFunc(confirmed, func(a plan.Action) bool { return a.Platform == platform })
		if err := t.write(ctx, own); err != nil {
			return "", fmt.Errorf("attest %s: %w", name, err)
		}
	}
	// What was confirmed is not confirmed twice: the round is made again.
	if err := errors.Join(r.answered(ctx, name, &now), r.remembered(ctx, &now), r.people(ctx, &now)); err != nil {
		return "", fmt.Errorf("attest %s: it is written down: %w", name, err)
	}
	r.keep(now)
	return strings.Join(t.said, "; "), nil
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
		return nil, errors.New("the last plan has no such binding")
	case len(confirmed) == 0 && slices.ContainsFunc(own, func(a plan.Action) bool { return a.Kind.ByPerson() }):
		return nil, errors.New("the registry of this instance can be asked, so that nobody's word is needed: " +
			"do the steps that `reconciler plan` shows, and the next look sees it")
	case len(confirmed) == 0 && own[0].Kind.Changes():
		return nil, fmt.Errorf("nothing waits for a person's word: it is done without a person (%s: %s)", own[0].Kind, own[0].Reason)
	case len(confirmed) == 0:
		return nil, fmt.Errorf("nothing waits for a person's word: %s", own[0].Reason)
	}
	for _, a := range confirmed {
		if d := a.Target.Declaration; a.Object.IsAccount() && d != nil && d.Spec.Token != nil &&
			a.Target.TokenVersion == 0 && a.Target.TokenFingerprint == "" {
			return nil, errors.New("which token is meant is not known: the secret store has no versions, and the token was not read")
		}
	}
	return confirmed, nil
}

// answered ends the waits of a binding: were its steps due again before the
// next look, they would wait from then on and not since the old ones.
func (r *Reconciler) answered(ctx context.Context, name string, of *plan.Round) error {
	digest := ""
	if d := of.Declaration(name); d != nil {
		digest = d.Spec.Digest()
	}
	return r.effort(ctx, name, digest, func(e *binding.Effort) { e.Waits = nil })
}

// attestation is one person's word being written down.
type attestation struct {
	who              binding.Person
	revision, digest string
	ledger           *ledger
	said             []string
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
		return errors.New("nothing was written: its account is not taken for ours yet; the next sync does that, try again after it")
	}
	if err := t.remember(ctx, before, plan.Attested(confirmed, before)); err != nil {
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
			Outcome: string(plan.Done), Message: "confirmed by " + t.who.By + ": " + what, Revision: t.revision, Digest: t.digest,
		}); err != nil {
			return fmt.Errorf("it is written down, but not in the history: %w", err)
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
func confirmation(a plan.Action) string {
	d := a.Target.Declaration
	switch {
	case !a.Object.IsAccount() && a.Target.Link == nil:
		return fmt.Sprintf("%s is not linked on %s any more", a.Object, a.Platform.Title())
	case !a.Object.IsAccount():
		return fmt.Sprintf("%s is linked to %s on %s", a.Object, a.Target.Link.Source, a.Platform.Title())
	case d == nil:
		return fmt.Sprintf("%s is not bound to %s any more", a.Platform.Title(), a.Instance)
	}
	text := fmt.Sprintf("%s is bound to %s as %s", a.Platform.Title(), a.Instance, d.Spec.Username)
	switch {
	case d.Spec.Token == nil:
		return text
	case a.Target.TokenVersion > 0:
		return fmt.Sprintf("%s with version %d of the token", text, a.Target.TokenVersion)
	}
	return text + " with the token that the secret store has now"
}
