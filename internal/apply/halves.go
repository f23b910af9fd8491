package apply

import (
	"cmp"
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/secrets"
)

// A change may have two halves: the first removes something that works, the second
// adds its replacement. This file follows two rules. Nothing is removed before
// everything that the second half needs is available. No replacement is added while
// the old object may still exist: see first.
//
//   - An account is unbound after everything that takes over from it: see replacements.
//   - A rule or a source is replaced once the actions that follow are checked and
//     allowed, their intents are written, and the store has space for their outcomes:
//     see secure.
//   - A rebind reads and checks the new token and reads the old one first: see
//     rebind and fallbackToken.

// replacements returns the names of the declarations that take over from an account that
// is unbound, and the image repositories that they build instead. These are the
// same binding on a different platform, and different bindings with the same image
// repository.
func (x *run) replacements(a plan.Action) (names []string, images []string) {
	if a.Target.Record == nil {
		return nil, nil
	}
	for _, image := range a.Target.Record.Images {
		name := binding.NormalImage(image.Image)
		state, asked := x.round.Observation.Repositories[name]
		if !asked || state.NoSource() != nil || state.Link != nil && state.Link.Platform == a.Platform {
			images = append(images, name)
		}
	}
	for _, d := range x.round.Declarations {
		builds := func(r binding.Repository) bool { return slices.Contains(images, binding.NormalImage(r.Image)) }
		if d.Name == a.Binding || slices.ContainsFunc(d.Spec.Repositories, builds) {
			names = append(names, d.Name)
		}
	}
	return names, images
}

// resources names what two actions must not touch at the same time: the later one
// waits. An account is unbound after the actions of its replacements.
func (x *run) resources(a plan.Action) []string {
	touched := resources(a)
	if a.Kind == plan.Unbind {
		names, images := x.replacements(a)
		for _, name := range names {
			touched = append(touched, "binding "+name)
		}
		for _, image := range images {
			touched = append(touched, "image "+image)
		}
	}
	return touched
}

// first returns the state of an addition or change of a rule that must not begin,
// because a different rule for its image tag has to be removed first and may not be
// removed yet. Otherwise, two rules would build the tag. It is empty if the action
// may begin.
func (x *run) first(i int) plan.OutcomeState {
	a := x.round.Plan.Actions[i]
	if a.Kind != plan.AddRule && a.Kind != plan.ChangeRule {
		return ""
	}
	for j, b := range x.round.Plan.Actions[:i] {
		same := b.Kind == plan.RemoveRule && b.Object.Image == a.Object.Image && b.Target.Rule.ImageTag == a.Target.Rule.ImageTag
		if !same || x.isWritten(b) {
			continue
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		if state := x.states[j]; state != plan.Failed {
			return state
		}
		return plan.Skipped
	}
	return ""
}

// second returns the state of an action that must not begin because of its second
// half. Before an account is unbound, the actions of its replacements must be done. Before
// other removals, the actions that follow on the same image repository must be
// possible. It is empty if the action may begin.
func (x *run) second(ctx context.Context, i int) plan.OutcomeState {
	a := x.round.Plan.Actions[i]
	if a.Kind != plan.Unbind {
		return x.following(ctx, i)
	}
	names, images := x.replacements(a)
	x.mu.Lock()
	defer x.mu.Unlock()
	for j, b := range x.round.Plan.Actions {
		concerns := b.Object.IsAccount() || slices.Contains(images, b.Object.Image)
		if j == i || b.Binding == a.Binding && b.Platform == a.Platform || !concerns || !slices.Contains(names, b.Binding) {
			continue
		}
		switch state := x.states[j]; {
		case state == plan.Done || state == plan.Kept && b.Settled():
		case state == plan.Kept && !b.Kind.Changes() || state == plan.Failed || state == "":
			return plan.Skipped
		default:
			return state
		}
	}
	return ""
}

// following is second for an action on an image repository.
func (x *run) following(ctx context.Context, i int) plan.OutcomeState {
	for _, j := range x.follows(i) {
		b := x.round.Plan.Actions[j]
		if b.Settled() || b.Reported() {
			continue // Drift that is only reported is not repaired, whatever precedes it.
		}
		if b.Kind == plan.Forbidden || b.Kind == plan.Noop {
			return plan.Skipped
		}
		if state, _ := x.whyNotBegun(ctx, j); state != "" {
			return state
		}
	}
	return ""
}

// follows returns the indexes of the actions that replace what an action removes.
// After the removal of a rule, these are the rules with its image tag or its
// branch, and the source. After a new source, these are the rules of the image
// repository.
func (x *run) follows(i int) (all []int) {
	a := x.round.Plan.Actions[i]
	replaces := func(b plan.Action) bool {
		was, is := a.Target.Rule, b.Target.Rule
		switch {
		case b.Kind == plan.Relink || b.Kind == plan.Link:
			return a.Kind == plan.RemoveRule
		case b.Object.Rule == "" || b.Kind == plan.RemoveRule || b.Cause == plan.CauseDuplicateRule:
			return false // A rule of others that is only reported replaces nothing.
		}
		return a.Kind == plan.Relink || a.Kind == plan.RemoveRule &&
			(is.ImageTag == was.ImageTag || is.Branch == was.Branch && is.Tag == was.Tag)
	}
	for j, b := range x.round.Plan.Actions[i+1:] {
		if b.Object.Image == a.Object.Image && b.Object.Image != "" && replaces(b) {
			all = append(all, i+1+j)
		}
	}
	return all
}

// takesAway reports whether an action removes something that works.
func takesAway(k plan.Kind) bool { return doneIfGone(k) || k == plan.Relink }

// secure makes certain, before an action that cannot be undone, that what follows
// can be done: the code host allows the links that need its answer, the store has
// space, and the intents are written.
func (x *run) secure(ctx context.Context, i int) error {
	a := x.round.Plan.Actions[i]
	if !takesAway(a.Kind) || x.isSecured(i) {
		return nil
	}
	for _, j := range x.follows(i) {
		b := x.round.Plan.Actions[j]
		if err := orInterrupted(ctx, x.linkable(ctx, b)); err != nil {
			return message.NewError("apply.cannot-follow", "action", b.Kind, "object", b.Object, "binding", b.Binding, "why", err)
		}
	}
	if err := x.announce(context.WithoutCancel(ctx), i); err != nil {
		return err
	}
	if err := x.o.Store.Reserve(context.WithoutCancel(ctx)); err != nil {
		return message.NewError("apply.no-space", "why", err)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return nil
}

// announce writes the intents of what follows an action before something is removed
// for it: the journal may not accept any afterwards.
func (x *run) announce(ctx context.Context, i int) error {
	for _, j := range x.follows(i) {
		b := x.round.Plan.Actions[j]
		if !b.Kind.Changes() || b.Kind.ByPerson() || b.Kind == plan.Adopt {
			continue
		}
		if err := x.memory.announce(ctx, x.intent(b, b.Kind)); err != nil {
			return err
		}
	}
	return nil
}

// withdraw removes the intents that were announced and not sent, and those
// announced by an earlier run for whose objects nothing is planned. Earlier writes
// to their objects are open again.
func (x *run) withdraw(ctx context.Context, outcomes []plan.Outcome) {
	unsent := x.memory.unsent()
	for _, intent := range x.round.Intents {
		if intent.Announced && x.dropped(intent) {
			unsent = append(unsent, intent)
		}
	}
	for _, intent := range unsent {
		err := x.memory.hadNoEffect(ctx, intent)
		for i := range outcomes {
			if a := outcomes[i].Action; (objectKey{a.Platform, a.Object}) == (objectKey{intent.Platform, intent.Object}) {
				x.noted(&outcomes[i], err)
			}
		}
	}
}

// dropped reports whether nothing is planned for the object of an intent, although
// everything about it is known.
func (x *run) dropped(intent binding.Intent) bool {
	obs := x.round.Observation
	if x.keepsAll() || cmp.Or(obs.Unknown, obs.Accounts[intent.Platform].Unknown, unknownOn(intent.Object, obs.Repositories[intent.Object.Image])) != nil {
		return false
	}
	return !slices.ContainsFunc(x.round.Plan.Actions, func(a plan.Action) bool {
		return a.Platform == intent.Platform && a.Object == intent.Object && !a.Settled()
	})
}

type objectKey struct {
	platform binding.Platform
	object   binding.Object
}

// noteWrite notes that an object was written, even if that cannot be recorded.
func (x *run) noteWrite(object objectKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.changed[object] = true
}

// isWritten reports whether the object of an action was written.
func (x *run) isWritten(a plan.Action) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.changed[objectKey{a.Platform, a.Object}]
}

// follow marks the actions after one that removed something, so that nothing delays
// them.
func (x *run) follow(i int) {
	if a := x.round.Plan.Actions[i]; !takesAway(a.Kind) || !x.isWritten(a) {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, j := range x.follows(i) {
		x.secured[j] = true
	}
}

// isSecured reports whether something was removed for an action, so that it has to
// be done now.
func (x *run) isSecured(i int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.secured[i]
}

// linkable returns an error if an action links a source that must not be linked. If
// the code host allowed it before the first half and does not answer before the
// second, its first answer counts.
func (x *run) linkable(ctx context.Context, a plan.Action) error {
	if a.Kind != plan.Create && a.Kind != plan.Link && a.Kind != plan.Relink || a.Platform != binding.GitLab || a.Target.Link == nil || a.Target.Link.Trigger != binding.Auto {
		return nil
	}
	x.mu.Lock()
	before := x.linkAllowed[a.Object]
	x.mu.Unlock()
	err := x.outsideSubgroup(ctx, a)
	if err != nil && before && binding.KindOf(err) != binding.Refused {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.linkAllowed[a.Object] = err == nil
	return err
}

// readFallback reads the previous token before its account is unbound, so that it can
// be bound again whatever happens to the secret store. It returns an error if a
// later run may be able to read it. A token that is gone for good does not prevent
// a rotation.
func (x *run) readFallback(ctx context.Context, a plan.Action) (wipe func(), err error) {
	before := x.before(a)
	if before == nil || !before.Managed || before.TokenVersion == 0 || x.sameAttempt(*before, a) {
		return func() {}, nil
	}
	token, err := x.readApplied(ctx, *before)
	if kind := binding.KindOf(err); kind == binding.NotFound || kind == binding.Refused && binding.FaultOf(err) == binding.FaultRequest {
		return func() {}, nil
	}
	if err != nil {
		return nil, message.NewError("apply.no-way-back", "version", before.TokenVersion, "why", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.fallbacks[a.Binding] = token
	return token.Wipe, nil
}

// fallbackToken returns the previous token: the one that readFallback read, or else it reads
// it now.
func (x *run) fallbackToken(ctx context.Context, a plan.Action, before binding.Record) (secrets.Secret, error) {
	x.mu.Lock()
	token, read := x.fallbacks[a.Binding]
	x.mu.Unlock()
	if read {
		return token, nil
	}
	return x.readApplied(ctx, before)
}

// errInterrupted means that an action was stopped before it wrote anything.
var errInterrupted = message.NewError("apply.stopped")

// orInterrupted returns the error of a question, or errInterrupted if it failed and
// its context has ended.
func orInterrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}
