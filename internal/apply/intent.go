package apply

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// answer is what an observation says of an intent.
type answer int

const (
	// open: not known yet; the intent stays.
	open answer = iota
	// undone: the call had no effect.
	undone
	// done: the call had its effect.
	done
	// unbound: of a rebind the old account is unbound and the new one not bound.
	unbound
)

// AnswerIntents answers the intents that an earlier run left open, from what is
// observed now. Of the round's intents those stay that are open, and those of
// accounts that we unbound ourselves and have yet to bind again; its records are
// those after the others.
func (a *Applier) AnswerIntents(ctx context.Context, of *plan.Round, obs binding.Observation) error {
	l := newLedger(a.o.Store, a.o.Now, of.Records)
	var stay []binding.Intent
	for _, intent := range of.Intents {
		verdict := settle(&intent, obs)
		var err error
		switch verdict {
		case open, unbound:
			stay = append(stay, intent)
			continue
		case done:
			err = l.done(ctx, intent)
		case undone:
			err = l.over(ctx, intent)
		}
		if err != nil {
			return err
		}
		a.o.Emit(plan.Event{Kind: plan.Recovered, Intent: intent})
	}
	of.Intents, of.Records = stay, l.all()
	return nil
}

// settle says what became of an intent, by an observation of its object. Where
// an account was bound it puts the registry's number into intent.After.
func settle(intent *binding.Intent, obs binding.Observation) answer {
	kind := plan.Kind(intent.Action)
	if kind == plan.Adopt {
		return done // It is all in our memory, and is finished there.
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
		if !asked || state.Unknown != nil {
			return open
		}
		return settleRepository(intent, kind, state)
	}
}

func settleAccount(intent *binding.Intent, kind plan.Kind, account *binding.Account) answer {
	switch {
	case kind == plan.Unbind && (account == nil || isAnother(intent.Record, *account)):
		return done
	case kind == plan.Rebind && account == nil:
		return unbound
	case kind == plan.Bind && account == nil && intent.Released:
		return unbound
	case (kind == plan.Bind || kind == plan.Rebind) && account != nil && binding.SameAccount(intent.After.Wanted(), *account) && !isKnown(intent.Record, *account):
		toldAs(&intent.After, *account)
		return done
	}
	return undone
}

// isKnown says that the registry's number shows an account to be the recorded
// one, so that no later call has made it.
func isKnown(r binding.Record, account binding.Account) bool {
	return r.AccountID != "" && r.AccountID == account.ID
}

// isAnother says that the registry's number shows an account to be another
// than the recorded one.
func isAnother(r binding.Record, account binding.Account) bool {
	return r.AccountID != "" && account.ID != "" && r.AccountID != account.ID
}

func settleRepository(intent *binding.Intent, kind plan.Kind, state binding.RepositoryState) answer {
	is := false
	switch kind {
	case plan.Link, plan.Relink:
		is = state.Link != nil && intent.Link != nil && sameLink(*state.Link, *intent.Link)
	case plan.Unlink:
		is = state.Link == nil
	case plan.AddRule:
		is = hasRule(state, intent.Object.Rule)
		numberRule(&intent.After, intent.Object, newRule(intent.After, state, intent.Object))
	case plan.RemoveRule:
		is = !hasRule(state, intent.Object.Rule)
	case plan.ChangeRule:
		// Whether it was changed does not matter: it may be written again.
	default:
	}
	if is {
		return done
	}
	return undone
}

func sameLink(a, b binding.Link) bool {
	same := binding.SameSource(a.Source, b.Source)
	a.Source, b.Source = "", ""
	return same && a == b
}

func hasRule(state binding.RepositoryState, key string) bool {
	return slices.ContainsFunc(state.Rules, func(r binding.ObservedRule) bool { return r.Key() == key })
}

// newRule is the number of the observed rule that a rule of a record is, which has
// none yet; empty where there is no such rule.
func newRule(r binding.Record, state binding.RepositoryState, object binding.Object) string {
	for _, have := range state.Rules {
		known := slices.ContainsFunc(r.Images, func(i binding.RecordedImage) bool {
			return slices.ContainsFunc(i.Rules, func(rule binding.RecordedRule) bool { return rule.ID == have.ID })
		})
		if have.Key() == object.Rule && !known {
			return have.ID
		}
	}
	return ""
}

// numberRule puts the registry's number of a new rule into a record.
func numberRule(r *binding.Record, object binding.Object, id string) {
	r.Images = slices.Clone(r.Images)
	for i := range r.Images {
		if img := &r.Images[i]; binding.NormalImage(img.Image) == object.Image {
			img.Rules = slices.Clone(img.Rules)
			for n := range img.Rules {
				if rule := &img.Rules[n]; rule.ID == "" && rule.Key == object.Rule && !rule.Removed {
					rule.ID = id
				}
			}
		}
	}
}

// Intended are records that make an observation look at the objects of
// intents, in addition to those recorded.
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
