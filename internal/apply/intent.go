package apply

import (
	"context"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// answer is what an observation shows about an intent.
type answer int

const (
	// open: unknown so far; the intent stays.
	open answer = iota
	// noEffect: the call had no effect.
	noEffect
	// done: the call had its effect.
	done
	// unbound: the old account is unbound, and the new one is not bound.
	unbound
)

// AnswerIntents finds out from the observations what became of the intents that an
// earlier run left open, and confirms earlier writes. The round keeps the intents
// that are still open, and those of accounts that we unbound ourselves and still
// have to bind again. Its records become those after the other intents. If a later
// read corrects an observation, the observation is changed.
func (a *Applier) AnswerIntents(ctx context.Context, of *plan.Round, observations ...binding.Observation) error {
	a.correctTimes(ctx, of)
	l, now := newMemory(a.o.Store, a.o.Now, of.Records), a.o.Now()
	var stay []binding.Intent
	for open := slices.Clone(of.Intents); len(open) > 0; open = open[1:] {
		intent := open[0]
		stored := intent
		intent.Unbinds, intent.Requests = false, nil
		id := binding.DigestOf(intent)
		verdict := a.verdict(l, &intent, observations[0], now)
		if a.undone[id] {
			verdict = noEffect
		}
		err := a.foundUnbound(ctx, stored, verdict)
		if err != nil {
			return err
		}
		switch verdict {
		case done:
			a.clearLateToken(&intent, observations[0].Accounts[intent.Platform].Account)
			if err = l.done(ctx, intent); err == nil {
				err = a.foundDone(ctx, intent)
			}
		case noEffect:
			if before, is := openBefore(intent); is {
				open = append(open, before)
			}
			if err = l.hadNoEffect(ctx, intent); err != nil {
				a.undone[id] = true
			} else {
				delete(a.undone, id)
			}
		default:
			err = a.answerEarlier(ctx, l, &intent, observations[0])
			stay = append(stay, intent)
		}
		if err != nil {
			return err
		}
		if verdict == done || verdict == noEffect {
			a.o.Emit(plan.Event{Kind: plan.Recovered, Intent: &intent})
		}
	}
	if err := a.confirm(ctx, l, observations); err != nil {
		return err
	}
	of.Intents, of.Records = stay, l.all()
	return nil
}

// stillDue reports whether an intent to add a rule was announced and never sent,
// although a different rule may have been removed for it: no rule builds its image
// tag or from its branch now.
func stillDue(intent binding.Intent, obs binding.Observation) bool {
	state, asked := obs.Repositories[intent.Object.Image]
	if !intent.Announced || plan.Kind(intent.Action) != plan.AddRule || !asked || !state.Exists || unknownOn(intent.Object, state) != nil {
		return false
	}
	return !slices.ContainsFunc(state.Rules, func(have binding.ObservedRule) bool {
		return have.ImageTag == intent.Rule.ImageTag || have.Branch == intent.Rule.Branch && have.Tag == intent.Rule.Tag
	})
}

// foundUnbound writes into the history that an earlier run unbound an account for a
// rebind and ended before it could record that. The intent then no longer has to be
// recorded.
func (a *Applier) foundUnbound(ctx context.Context, intent binding.Intent, verdict answer) error {
	half := plan.Kind(intent.Action) == plan.Bind // It is sent once the unbind is done.
	if !intent.Unbinds || !half && verdict != unbound {
		return nil
	}
	if err := a.found(ctx, intent, plan.Unbind, message.New("history.found-unbound", "at", intent.Started)); err != nil {
		return err
	}
	return a.recordedUnbind(ctx, intent)
}

// recordedUnbind notes in an intent that the history has its unbind.
func (a *Applier) recordedUnbind(ctx context.Context, intent binding.Intent) error {
	intent.Unbinds, intent.Requests = false, nil
	if err := a.o.Store.PutIntent(ctx, intent); err != nil {
		return message.NewError("apply.intent", "action", intent.Action, "object", intent.Object, "binding", intent.Binding, "why", err)
	}
	return nil
}

// saidUnbound notes in the intent that a failed rebind left that the history has the
// rebind. If it cannot be written, the next run adds an entry about the unbind.
func (x *run) saidUnbound(ctx context.Context, a plan.Action) {
	intents, err := x.o.Store.Intents(ctx, a.Instance)
	if err != nil {
		return
	}
	for _, intent := range intents {
		if intent.Unbinds && intent.Binding == a.Binding && intent.Platform == a.Platform {
			_ = x.recordedUnbind(ctx, intent)
		}
	}
}

// foundDone writes into the history that an intent of an earlier run had its effect.
func (a *Applier) foundDone(ctx context.Context, intent binding.Intent) error {
	return a.found(ctx, intent, plan.Kind(intent.Action), message.New("history.found-done", "at", intent.Started))
}

// found writes into the history what an earlier run did for an intent. Who asked for it
// is no longer known.
func (a *Applier) found(ctx context.Context, intent binding.Intent, done plan.Kind, what message.Message) error {
	entry := binding.HistoryEntry{
		Time: a.o.Now(), Instance: intent.Instance, Binding: intent.Binding, Action: string(done), Object: intent.Object,
		Outcome: string(plan.Done), Revision: intent.After.Revision, Requests: intent.Requests,
	}
	if err := a.o.Store.AppendEvent(ctx, entry.WithMessage(what)); err != nil {
		return message.NewError("apply.history", "why", err)
	}
	return nil
}

// verdict is what an observation at a time shows about an intent.
func (a *Applier) verdict(l *memory, intent *binding.Intent, obs binding.Observation, now time.Time) answer {
	verdict := a.settled(l, intent, obs)
	if verdict == noEffect || verdict == unbound {
		verdict = a.afterTime(intent, verdict, now)
	}
	if verdict == noEffect && stillDue(*intent, obs) {
		return open
	}
	return verdict
}

// settled does the same as settle, with one exception: if an object was created
// recently and is not shown, this does not prove its removal, because the read may
// be from before its creation. A rule or a source can be removed again without
// harm. An account would stay unbound meanwhile, so for accounts the exception
// applies only if the registry shows writes late.
func (a *Applier) settled(l *memory, intent *binding.Intent, obs binding.Observation) answer {
	verdict := settle(intent, obs)
	if intent.Object.IsAccount() && !a.showsLate(l.all()) || !doneIfGone(plan.Kind(intent.Action)) || intent.Answered || verdict != done && verdict != unbound {
		return verdict
	}
	for _, u := range intent.Record.Recent(a.o.Now(), a.o.Settle) {
		if u.Object.Kind == intent.Object.Kind && u.Object.Image == intent.Object.Image && u.Object.Rule == intent.Object.Rule {
			return open
		}
	}
	return verdict
}

// clearLateToken removes the token from an intent whose account was created, or is first
// seen, more than binding.ClocksDiffer after the call began. It may be the late
// effect of the call, or somebody else may have bound the same user with a
// different token. Nothing that the registry shows distinguishes the two, so the
// account is bound once more. The same applies to an account created that long
// before the call: somebody else bound it, or its time proves nothing.
func (a *Applier) clearLateToken(intent *binding.Intent, account *binding.Account) {
	if kind := plan.Kind(intent.Action); kind != plan.Bind && kind != plan.Rebind || account == nil {
		return
	}
	made := account.Created
	if made.IsZero() {
		made = a.o.Now()
	}
	if made.Sub(intent.Started).Abs() > binding.ClocksDiffer {
		intent.After = intent.After.WithoutToken()
	}
}

// afterTime corrects the verdict on an intent whose effect is not shown. The intent
// stays open for the time that the registry may take to show it, unless it was
// never sent. After that time, an account that we unbound for a bind has to be
// bound again.
func (a *Applier) afterTime(intent *binding.Intent, verdict answer, now time.Time) answer {
	switch {
	case intent.Answered, intent.Announced:
		return verdict
	case plan.Kind(intent.Action) == plan.Rebind && verdict == unbound:
		intent.Answered = true
		return unbound
	case (binding.Write{At: intent.Started}).Recent(now, a.o.Settle):
		return open
	case verdict == unbound:
		intent.Answered = true
	}
	return verdict
}

// settle decides what became of an intent from an observation of its object. If an
// account was bound, it puts the registry's number into intent.After.
func settle(intent *binding.Intent, obs binding.Observation) answer {
	kind := plan.Kind(intent.Action)
	if kind == plan.Adopt {
		return done // It changes only our memory, and is completed there.
	}
	if obs.Unknown != nil {
		return open
	}
	switch kind {
	case plan.Bind, plan.Rebind, plan.Unbind:
		state, asked := obs.Accounts[intent.Platform]
		if !asked || state.Unknown != nil {
			return open
		}
		return settleAccount(intent, kind, state.Account)
	default:
		state, asked := obs.Repositories[intent.Object.Image]
		if !asked || state.Unknown != nil || kind != plan.Create && unknownOn(intent.Object, state) != nil {
			return open
		}
		return settleRepository(intent, kind, state)
	}
}

func settleAccount(intent *binding.Intent, kind plan.Kind, account *binding.Account) answer {
	switch {
	case kind == plan.Unbind && (account == nil || intent.Record.HasOtherNumber(*account)):
		return done
	case kind == plan.Rebind && account == nil:
		return unbound
	case (kind == plan.Bind && intent.Released || intent.Answered) && (account == nil || isOld(*intent, *account)):
		return unbound
	case intent.Answered && account.ID != "":
		return noEffect // No call of ours is open: somebody else bound it.
	case (kind == plan.Bind || kind == plan.Rebind) && account != nil && binding.SameAccount(intent.After.Wanted(), *account) && !isOld(*intent, *account):
		setObserved(&intent.After, *account)
		if intent.Doubtful || intent.Answered { // Another bind, or somebody else, may have made it.
			intent.After = intent.After.WithoutToken()
		}
		return done
	}
	return noEffect
}

// isOld reports whether the registry's number shows that an account is the one from
// before an intent. The registry may still show it for some time.
func isOld(intent binding.Intent, account binding.Account) bool {
	return intent.Record.HasNumberOf(account) || intent.After.WasUnbound(account.ID)
}

func settleRepository(intent *binding.Intent, kind plan.Kind, state binding.RepositoryState) answer {
	is := false
	switch kind {
	case plan.Create: // A source that cannot be read is confirmed by a person.
		is = state.Exists && (intent.Link == nil || state.Link != nil && intent.Link.Same(*state.Link))
	case plan.Link, plan.Relink:
		is = state.Link != nil && intent.Link != nil && intent.Link.Same(*state.Link)
	case plan.Unlink:
		is = state.Link == nil
	case plan.AddRule:
		intent.Rule.ID = newRule(intent.Record, state, intent.Object, intent.Rule)
		is = intent.Rule.ID != ""
	case plan.RemoveRule:
		is = !slices.ContainsFunc(state.Rules, func(r binding.ObservedRule) bool { return r.ID == intent.Rule.ID })
	case plan.ChangeRule:
		is = slices.ContainsFunc(state.Rules, func(r binding.ObservedRule) bool { return r.ID == intent.Rule.ID && r.Same(intent.Rule.BuildRule) })
	default:
	}
	if is {
		return done
	}
	return noEffect
}

// newRule returns the number of an observed rule that is as it was sent and that
// the previous record did not know; empty if there is none.
func newRule(r binding.Record, state binding.RepositoryState, object binding.Object, sent binding.ObservedRule) string {
	for _, have := range state.Rules {
		known := slices.ContainsFunc(r.Images, func(i binding.RecordedImage) bool { return i.Knows(have.ID) })
		if have.Key() == object.Rule && have.Same(sent.BuildRule) && !known {
			return have.ID
		}
	}
	return ""
}

// Intended returns records that make an observation include the objects of intents,
// in addition to those recorded.
func Intended(records []binding.Record, intents []binding.Intent) []binding.Record {
	all := slices.Clone(records)
	for _, intent := range intents {
		r := binding.Record{Instance: intent.Instance, Binding: intent.Binding, Platform: intent.Platform}
		if image := intent.Object.Image; image != "" {
			r.Images = []binding.RecordedImage{{Image: image}}
		}
		all = append(all, r)
	}
	return all
}
