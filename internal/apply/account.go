package apply

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
)

// bind binds an account to a platform without one. If one of ours was bound before
// and the token is refused, it falls back to the token applied then.
func (x *run) bind(ctx context.Context, a plan.Action) error {
	if a.Target.Restore {
		if tried, err := x.restore(ctx, a); tried {
			return err
		}
	}
	token, err := x.plannedToken(ctx, &a)
	if err := orInterrupted(ctx, err); err != nil {
		return err
	}
	defer token.Wipe()
	if err := orInterrupted(ctx, x.checkToken(ctx, a, token)); err != nil {
		token.Wipe()
		if binding.KindOf(err) == binding.Refused {
			// No refusal is noted: the code host may accept the token later, and
			// asking it again costs nothing.
			return x.fallBack(ctx, a, binding.Refusal{}, err)
		}
		return err
	}
	err = x.bindWith(ctx, a, token)
	if rejected(err) || x.unclearAgain(a, err) {
		token.Wipe()
		return x.fallBack(ctx, a, x.tokenRefusal(a, err), err)
	}
	return err
}

// unclearAgain reports whether a bind got no clear answer, like the attempt before.
// Then we do not wait for its effect once more, but bind the version applied
// before. If the effect still comes after that, the account that appears has a
// different number, and its token is unknown.
func (x *run) unclearAgain(a plan.Action, err error) bool {
	before := x.round.Retries[a.Binding]
	return errors.Is(err, plan.ErrNotVisible) && before.Tried == attemptOf(a)
}

// restore binds the version applied before, because binding the planned one had no
// effect. It does not try if that version cannot be read.
func (x *run) restore(ctx context.Context, a plan.Action) (tried bool, err error) {
	before := x.before(a)
	if before == nil {
		return false, nil
	}
	token, err := x.fallbackToken(ctx, a, *before)
	if err != nil || ctx.Err() != nil {
		return false, nil
	}
	defer token.Wipe()
	x.mu.Lock()
	x.fallbacks[a.Binding] = token
	x.mu.Unlock()
	return true, x.fallBack(ctx, a, binding.Refusal{}, message.NewError("apply.no-effect", "after", x.o.Settle))
}

// rebind unbinds the old account and binds the new one. First it reads the token to
// fall back to and checks the new one at the code host. Nothing is unbound unless
// the code host accepts the new token.
func (x *run) rebind(ctx context.Context, a plan.Action) error {
	if err := x.bindable(a); err != nil {
		return message.NewError("apply.old-kept", "why", err)
	}
	wipe, err := x.readFallback(ctx, a)
	if err := orInterrupted(ctx, err); err != nil {
		return message.NewError("apply.old-kept", "why", err)
	}
	defer wipe()
	token, err := x.plannedToken(ctx, &a)
	if err := orInterrupted(ctx, err); err != nil {
		return message.NewError("apply.old-kept", "why", err)
	}
	defer token.Wipe()
	if err := orInterrupted(ctx, x.checkToken(ctx, a, token)); err != nil {
		return message.NewError("apply.old-kept", "why", err)
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	// From here on, the rebind has to be completed.
	ctx = context.WithoutCancel(ctx)
	if err := x.unbindOld(ctx, a); err != nil {
		return err
	}
	err = x.bindWith(ctx, a, token)
	if fault := binding.FaultOf(err); rejected(err) && fault != binding.FaultToken && fault != binding.FaultRequest {
		// The rejection may be temporary: our security token expires, or a gateway
		// is being deployed. Nothing is bound meanwhile, so it is tried once more.
		err = x.bindWith(ctx, a, token)
	}
	if rejected(err) || x.unclearAgain(a, err) {
		token.Wipe()
		return x.fallBack(ctx, a, x.tokenRefusal(a, err), err)
	}
	if err != nil && !x.isWritten(a) && !errors.Is(err, plan.ErrNotVisible) && binding.KindOf(err) != binding.AlreadyExists {
		return message.NewError("apply.lost-until", "lost", plan.ErrLost, "why", err)
	}
	return err
}

// unbindOld is the first half of a rebind. Its intent stays until the second half
// replaces it. If we stop in between, the next run knows that we unbound the
// account ourselves.
func (x *run) unbindOld(ctx context.Context, a plan.Action) error {
	if a.Target.Account == nil {
		return nil
	}
	intent := x.intent(a, plan.Rebind)
	what, err := x.send(ctx, &intent, func(ctx context.Context, _ *binding.Intent) error {
		return x.o.Registry.Unbind(ctx, *a.Target.Account)
	})
	switch what {
	case done:
		return nil
	case noEffect:
		if contradicts(err) {
			return besides(err, x.memory.hadNoEffect(ctx, intent))
		}
		return message.NewError("apply.old-kept", "why", joined(err, x.memory.hadNoEffect(ctx, intent)))
	default:
		return err
	}
}

// bindWith makes one call to bind a token, with its intent and its outcome.
func (x *run) bindWith(ctx context.Context, a plan.Action, token secrets.Secret) error {
	intent := x.intent(a, plan.Bind)
	if intent.Unbinds {
		intent.Requests = registry.RequestsOf(ctx)
	}
	return x.bindAs(ctx, intent, a.Target.Declaration.Spec.Account(), token)
}

func (x *run) bindAs(ctx context.Context, intent binding.Intent, wanted binding.Account, token secrets.Secret) error {
	doubtful := intent.Doubtful
	intent.Tries, intent.Doubtful = x.unclearBefore(intent)
	intent.Tries, intent.Doubtful = intent.Tries+1, intent.Doubtful || doubtful
	return x.write(ctx, intent, func(ctx context.Context, intent *binding.Intent) error {
		account, err := x.o.Registry.Bind(ctx, wanted, token)
		x.noteBind(intent.Binding, err)
		if err != nil {
			return err
		}
		if intent.After.WasUnbound(account.ID) {
			account.ID = "" // The registry read it too early: this is the previous account.
		}
		setObserved(&intent.After, account)
		return nil
	})
}

// unclearBefore returns how often the same bind was sent in a row without a clear
// answer, and whether a bind with a different token may still take effect.
func (x *run) unclearBefore(intent binding.Intent) (tries int, doubtful bool) {
	for _, in := range x.round.Intents {
		if in.Platform != intent.Platform || !in.Object.IsAccount() {
			continue
		}
		doubtful = in.Doubtful
		if plan.Kind(in.Action) != plan.Bind {
			continue
		}
		if in.After.SameToken(intent.After) {
			tries = in.Tries
		} else {
			doubtful = true
		}
	}
	return tries, doubtful
}

// setObserved copies what the registry reports about an account into a record.
func setObserved(r *binding.Record, account binding.Account) {
	r.AccountID = account.ID
	r.Username, r.Address = cmp.Or(account.Username, r.Username), cmp.Or(account.Address, r.Address)
}

// fallBack binds the previous token version again; cause is why the new one was not
// bound. If it succeeds, it notes the refusal, so that the working binding is not
// unbound at once for the same token again. Without a refusal, the new version is
// tried again after a pause. fallBack always returns an error, because the declared
// token is not bound.
func (x *run) fallBack(ctx context.Context, a plan.Action, refusal binding.Refusal, cause error) error {
	ctx, stop := until(context.WithoutCancel(ctx), x.graceOver)
	defer stop()
	before := x.before(a)
	if before == nil || !before.Managed || !x.mustRestore(a, *before) {
		return cause
	}
	if err := x.stillUnbound(ctx, a); err != nil {
		return message.NewError("apply.because", "what", err, "why", cause)
	}
	if before.TokenVersion == 0 || x.sameAttempt(*before, a) {
		if a.Kind == plan.Bind && a.Cause != plan.CauseUnfinished || errors.Is(cause, plan.ErrNotVisible) {
			return cause // Somebody else unbound it, or it may be bound.
		}
		return message.NewError("apply.no-fallback", "lost", plan.ErrLost, "why", cause)
	}
	token, err := x.fallbackToken(ctx, a, *before)
	if err == nil {
		defer token.Wipe()
		intent := x.intent(a, plan.Bind)
		intent.After, intent.TokenVersion, intent.TokenFingerprint = before.After(*before), before.TokenVersion, ""
		intent.After.AccountID, intent.After.Unbound = "", before.AccountID
		intent.Doubtful = errors.Is(cause, plan.ErrNotVisible)
		if refusal != (binding.Refusal{}) {
			intent.After.Refused = refusal
		}
		err = x.bindAs(ctx, intent, before.Wanted(), token)
	}
	if errors.Is(err, plan.ErrUnrecorded) { // It is done, but it is not what was declared.
		return message.NewError("apply.fell-back-unrecorded", "again", plan.ErrFellBack, "version", before.TokenVersion, "why", cause, "unrecorded", message.FromError(err))
	}
	if binding.KindOf(err) == binding.AlreadyExists {
		err = message.NewError("apply.there-already", "unseen", plan.ErrNotVisible, "why", err)
	}
	if errors.Is(err, plan.ErrNotVisible) {
		return message.NewError("apply.fallback-not-visible", "why", cause, "version", before.TokenVersion, "unseen", err)
	}
	if binding.FaultOf(err) == binding.FaultCredentials {
		return message.NewError("apply.fallback-forbidden", "lost", plan.ErrLost, "why", cause, "binding", a.Binding)
	}
	if err != nil {
		return message.NewError("apply.fallback-failed", "lost", plan.ErrLost, "why", cause, "version", before.TokenVersion, "failed", err)
	}
	return message.NewError("apply.fell-back", "again", plan.ErrFellBack, "new", a.Target.TokenVersion, "version", before.TokenVersion,
		"username", before.Wanted().Username, "refused", refusal != (binding.Refusal{}), "after", binding.RefusalLasts, "binding", a.Binding, "why", cause)
}

// mustRestore reports whether the previous account is bound again if the bind of an action
// is rejected: it is still declared, or we unbound it for this bind. An account
// that somebody else unbound and that is no longer declared stays unbound.
func (x *run) mustRestore(a plan.Action, before binding.Record) bool {
	if binding.SameAccount(before.Wanted(), a.Target.Declaration.Spec.Account()) {
		return true
	}
	if a.Kind == plan.Rebind {
		return a.Target.Account != nil && before.MayMatch(*a.Target.Account)
	}
	return a.Cause == plan.CauseUnfinished && slices.ContainsFunc(x.round.Intents, func(in binding.Intent) bool {
		return in.Object.IsAccount() && in.Platform == a.Platform && !before.HasOtherNumber(binding.Account{ID: in.After.Unbound})
	})
}

// sameAttempt reports whether an action binds exactly the recorded token and
// account.
func (x *run) sameAttempt(before binding.Record, a plan.Action) bool {
	spec := a.Target.Declaration.Spec
	return before.TokenVersion == a.Target.TokenVersion &&
		before.Vault.Unpinned() == spec.Token.Vault.Unpinned() && binding.SameAccount(before.Wanted(), spec.Account())
}

// stillUnbound returns nil if the platform is certainly not bound. A bind is also
// refused if somebody bound the platform meanwhile, and that is not the token's
// fault.
func (x *run) stillUnbound(ctx context.Context, a plan.Action) error {
	obs := x.observe(ctx, []binding.Record{{Binding: a.Binding, Platform: a.Platform}})
	state, asked := obs.Accounts[a.Platform]
	switch u := cmp.Or(obs.Unknown, state.Unknown); {
	case u != nil:
		return message.NewError("apply.lost-as-known", "lost", plan.ErrLost, "why", u.Message)
	case !asked:
		return message.NewError("apply.lost-as-known", "lost", plan.ErrLost, "why", message.Message{})
	case state.Account != nil && !x.released(a, *state.Account):
		return message.NewError("apply.bound-by-others", "platform", a.Platform.Title(), "username", state.Account.Username)
	}
	return nil
}

// released reports whether an account is the one that this run unbound before
// binding a different one. The registry may still show it for some time.
func (x *run) released(a plan.Action, account binding.Account) bool {
	before := x.before(a)
	return a.Target.Account != nil && a.Target.Account.ID == account.ID || before.HasNumberOf(account)
}

// unbind unbinds an account for good.
func (x *run) unbind(ctx context.Context, a plan.Action) error {
	if a.Target.Account == nil {
		return message.NewError("apply.no-account", "binding", a.Binding, "bug", binding.ErrBug)
	}
	return x.write(ctx, x.intent(a, plan.Unbind), func(ctx context.Context, _ *binding.Intent) error {
		return x.o.Registry.Unbind(ctx, *a.Target.Account)
	})
}

// adopt changes our memory and nothing else. If the binding had a different name,
// two records change, and an intent makes sure that both do.
func (x *run) adopt(ctx context.Context, a plan.Action) error {
	intent := x.intent(a, plan.Adopt)
	if intent.After.Binding == "" {
		return nil
	}
	if intent.Record.Binding == "" || sameKey(intent.Record, intent.After) {
		return x.memory.keep(ctx, intent.After)
	}
	return x.write(ctx, intent, func(context.Context, *binding.Intent) error { return nil })
}
