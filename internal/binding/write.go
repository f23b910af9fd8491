package binding

import (
	"slices"
	"strings"
	"time"
)

// Write is when we wrote something and the registry said yes, and whether the
// registry has shown it since. Of the zero Write nothing is known.
type Write struct {
	At   time.Time `json:"at,omitzero"`
	Seen bool      `json:"seen,omitempty"`
	// Late says that a read did not show it.
	Late bool `json:"late,omitempty"`
}

// Recent says whether a write is so young at a time that a read which does not
// show it proves nothing: the registry may show a write only some time later. One in
// the future happened now: see Record.AsOf.
func (w Write) Recent(at time.Time, settle time.Duration) bool {
	return !w.At.IsZero() && at.Before(w.At.Add(settle))
}

// NeverShown reports whether the registry accepted a write and no read has shown it
// since: it had no effect, or somebody undid it before it was read.
func (w Write) NeverShown() bool { return !w.At.IsZero() && !w.Seen }

// Unseen is a recent write of ours that an observation does not show.
type Unseen struct {
	Object Object
	Write  Write
}

// Unseen are the recent writes of a record that an observation does not show, for
// all that it knows. The account is first.
func (r Record) Unseen(obs Observation, at time.Time, settle time.Duration) []Unseen {
	var all []Unseen
	r.eachWrite(obs, func(o Object, w *Write, is visibility) {
		if is == notShown && w.Recent(at, settle) {
			all = append(all, Unseen{o, *w})
		}
	})
	return all
}

// AsRemoved is what is remembered of a binding whose account is unbound for good:
// a read that shows the account still is known to be old, and what we made in its
// image repositories is known as ours.
func (r Record) AsRemoved() Record {
	return Record{
		Instance: r.Instance, Binding: r.Binding, Platform: r.Platform, AccountID: r.AccountID, Username: r.Username, Address: r.Address,
		DeletionPolicy: r.DeletionPolicy, Removed: true, Images: r.Images, File: r.File, Revision: r.Revision,
	}
}

// WithLeft is the record with the image repositories of another one that it does not
// have: what is left of a removed binding of the same name.
func (r Record) WithLeft(removed Record) Record {
	r.Images = slices.Clone(r.Images)
	for _, img := range removed.Images {
		if r.Image(img.Image) == nil {
			r.Images = append(r.Images, img)
		}
	}
	slices.SortFunc(r.Images, func(a, b RecordedImage) int { return strings.Compare(a.Image, b.Image) })
	return r
}

// Left says whether a link or a rule that we made may be left.
func (r Record) Left() bool { return slices.ContainsFunc(r.Images, RecordedImage.Left) }

// Recent are the recent writes of a record.
func (r Record) Recent(at time.Time, settle time.Duration) []Unseen {
	var all []Unseen
	r.eachWrite(Observation{}, func(o Object, w *Write, _ visibility) {
		if w.Recent(at, settle) {
			all = append(all, Unseen{o, *w})
		}
	})
	return all
}

// Young are the recent writes of a record that no observation has shown.
func (r Record) Young(at time.Time, settle time.Duration) []Unseen {
	return slices.DeleteFunc(r.Recent(at, settle), func(u Unseen) bool { return u.Write.Seen })
}

// WrittenAt are the times of the writes of a record.
func (r Record) WrittenAt() (all []time.Time) {
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) {
		if !w.At.IsZero() {
			all = append(all, w.At)
		}
	})
	return all
}

// Confirmed is a record after an observation: what that shows is marked as seen,
// the registry's numbers that were not known are filled in, and a removal that
// had no effect is taken back. Removed rules and image repositories are kept
// while something may be left of them. It keeps r as it is.
func (r Record) Confirmed(obs Observation, at time.Time, settle time.Duration) Record {
	r = r.withOwnImages()
	r.number(obs, at)
	r.eachWrite(obs, func(_ Object, w *Write, is visibility) {
		w.Late = w.Late || is == notShown && !w.Seen && w.Recent(at, settle)
		w.Seen = w.Seen || is == shown && !w.At.IsZero()
	})
	r.takeBack(obs, at, settle)
	return r
}

// LateAfter says that a write after a time was shown late.
func (r Record) LateAfter(at time.Time) bool {
	late := false
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) { late = late || w.Late && w.At.After(at) })
	return late
}

// Doubted is a record in which the write of an object is recent no more: what
// does not show it is right.
func (r Record) Doubted(object Object) Record {
	r = r.withOwnImages()
	r.eachWrite(Observation{}, func(o Object, w *Write, _ visibility) {
		if o == object {
			*w = Write{}
		}
	})
	return r
}

// withOwnImages is a record whose images can be changed without changing r's.
func (r Record) withOwnImages() Record {
	r.Images = slices.Clone(r.Images)
	for i := range r.Images {
		r.Images[i].Rules = slices.Clone(r.Images[i].Rules)
	}
	return r
}

// visibility says whether an observation shows a write; it may not know.
type visibility int

const (
	notKnown visibility = iota
	shown
	notShown
)

func visibilityOf(known, shows bool) visibility {
	switch {
	case !known:
		return notKnown
	case shows:
		return shown
	}
	return notShown
}

// eachWrite calls do for every write of a record, with what an observation shows
// of it.
func (r *Record) eachWrite(obs Observation, do func(o Object, w *Write, is visibility)) {
	account, known := obs.account(r.Platform)
	do(AccountObject(), &r.Written, visibilityOf(known, r.shows(account)))
	for i := range r.Images {
		img := &r.Images[i]
		state, known := obs.repository(img.Image)
		do(RepositoryObject(img.Image), &img.LinkWritten, visibilityOf(known && (state.NoSource() == nil || img.onlyMade()), img.showsLink(state)))
		for n := range img.Rules {
			rule := &img.Rules[n]
			o := Object{Kind: ObjectRule, Image: NormalImage(img.Image), Rule: rule.Key}
			if rule.Removed {
				o.Copy = rule.ID
			}
			do(o, &rule.Written, visibilityOf(known && state.NoRules() == nil, rule.shown(state)))
		}
	}
}

// account is the account of a platform, if that is known.
func (o Observation) account(p Platform) (account *Account, known bool) {
	state, asked := o.Accounts[p]
	return state.Account, asked && o.Unknown == nil && state.Unknown == nil
}

// repository is the state of an image repository, if that is known.
func (o Observation) repository(image string) (state RepositoryState, known bool) {
	state, asked := o.Repositories[NormalImage(image)]
	return state, asked && o.Unknown == nil && state.Unknown == nil
}

// WasUnbound says that we unbound the account of a number, so that a read which
// shows it is an old one.
func (r Record) WasUnbound(id string) bool {
	return id != "" && (id == r.Unbound || slices.Contains(r.UnboundBefore, id))
}

// maxUnbound bounds how many unbound accounts a record remembers.
const maxUnbound = 5

// After is a record of an account that took the place of those of another record.
func (r Record) After(old Record) Record {
	r.UnboundBefore = slices.Clone(old.UnboundBefore)
	for _, id := range []string{old.Unbound, old.AccountID} {
		if id != "" && !slices.Contains(r.UnboundBefore, id) {
			r.UnboundBefore = append(r.UnboundBefore, id)
		}
	}
	r.UnboundBefore = r.UnboundBefore[max(0, len(r.UnboundBefore)-maxUnbound):]
	r.Mistimed = r.Mistimed || old.Mistimed && !old.TokenKnown()
	return r
}

func (i RecordedImage) showsLink(state RepositoryState) bool {
	switch {
	case i.Link != nil:
		return state.Link != nil && i.Link.Same(*state.Link)
	case i.Unlinked != nil:
		return state.Link == nil || !SameSource(i.Unlinked.Source, state.Link.Source)
	}
	return state.Exists
}

// onlyMade says that nothing is known of the source: a write made the image
// repository.
func (i RecordedImage) onlyMade() bool { return i.Link == nil && i.Unlinked == nil }

func (r RecordedRule) shown(state RepositoryState) bool {
	there := slices.ContainsFunc(state.Rules, func(have ObservedRule) bool {
		if r.Removed {
			return have.ID == r.ID
		}
		return have.Key() == r.Key && (r.ID == "" || have.ID == r.ID) &&
			(r.Dockerfile == "" || NormalDockerfile(have.Dockerfile) == r.Dockerfile)
	})
	return there != r.Removed
}

// number fills in the numbers that an observation reports: the registry's, and the
// code host's.
func (r *Record) number(obs Observation, at time.Time) {
	if a := obs.Accounts[r.Platform].Account; a != nil && r.AccountID == "" && !r.Written.At.IsZero() && r.shows(a) {
		r.AccountID = a.ID
		if !r.Mistimed && r.Written.otherThan(*a, at) {
			*r, r.Mistimed = r.WithoutToken(), true
		}
	}
	if user := obs.Tokens[r.Binding].User; user.ID != "" && r.Managed && SameUsername(r.Platform, user.Name, r.Wanted().Username) {
		r.UserID = user.ID
	}
	for i := range r.Images {
		img := &r.Images[i]
		img.identify(obs.Projects[r.Binding])
		for n := range img.Rules {
			if rule := &img.Rules[n]; rule.ID == "" && !rule.Removed {
				rule.ID = img.numberOf(*rule, obs.Repositories[NormalImage(img.Image)])
			}
		}
	}
}

// numberOf is the number of the observed rule that a rule without one is; empty
// where none is, or it may be several.
func (i RecordedImage) numberOf(rule RecordedRule, state RepositoryState) string {
	id := ""
	for _, have := range state.Rules {
		same := have.Key() == rule.Key && (rule.Dockerfile == "" || NormalDockerfile(have.Dockerfile) == rule.Dockerfile)
		if !same || i.Knows(have.ID) {
			continue
		}
		if id != "" {
			return ""
		}
		id = have.ID
	}
	return id
}

// takeBack ends what is over: a removal that was never shown, and is not after its
// time, had no effect, and one that is shown after its time is done for good. Where the
// registry has numbers, what is shown again by the same one was never removed. A source
// has none: once it was shown as removed, what is linked later is somebody else's.
func (r *Record) takeBack(obs Observation, at time.Time, settle time.Duration) {
	over := func(w Write) bool { return !w.At.IsZero() && !w.Recent(at, settle) }
	if account, known := obs.account(r.Platform); known && r.Removed && over(r.Written) && !r.shows(account) {
		r.Removed, r.Managed, r.Written = false, true, Write{}
	}
	for i := range r.Images {
		if state, known := obs.repository(r.Images[i].Image); known {
			r.Images[i].takeBack(state, over)
		}
	}
	r.Images = slices.DeleteFunc(r.Images, func(i RecordedImage) bool {
		return !i.Left() && i.Unlinked == nil && !i.LinkWritten.Recent(at, settle) && !slices.ContainsFunc(i.Rules, func(rule RecordedRule) bool { return rule.Written.Recent(at, settle) })
	})
}

// takeBack is Record.takeBack for an image repository.
func (i *RecordedImage) takeBack(state RepositoryState, over func(Write) bool) {
	if i.Unlinked != nil && over(i.LinkWritten) && state.NoSource() == nil {
		if !i.showsLink(state) && !i.LinkWritten.Seen {
			i.Link = i.Unlinked
		}
		i.Unlinked, i.LinkWritten = nil, Write{}
	}
	for n := range i.Rules {
		if rule := &i.Rules[n]; rule.Removed && over(rule.Written) && state.NoRules() == nil && !rule.shown(state) {
			rule.Removed, rule.Written = false, Write{}
		}
	}
}

// Gone are the image repositories of a record that do not exist, says an
// observation, although the record has what the registry cannot be asked about: a
// source, or build rules.
func (r Record) Gone(obs Observation) []string {
	var gone []string
	for _, img := range r.Images {
		state, known := obs.repository(img.Image)
		source, rules := img.Link != nil && state.NoSource() != nil, len(img.RuleKeys()) > 0 && state.NoRules() != nil
		if known && !state.Exists && (source || rules) {
			gone = append(gone, NormalImage(img.Image))
		}
	}
	return gone
}

// Forget is a record without what the registry cannot be asked about of image
// repositories: another one with the name has none of it. It keeps r as it is.
func (r Record) Forget(images []string, obs Observation) Record {
	r.Images = slices.Clone(r.Images)
	for i := range r.Images {
		img := &r.Images[i]
		state, _ := obs.repository(img.Image)
		if !slices.Contains(images, NormalImage(img.Image)) {
			continue
		}
		if state.NoSource() != nil {
			img.Link, img.Unlinked, img.LinkWritten, img.SourceID = nil, nil, Write{}, ""
		}
		if state.NoRules() != nil {
			img.Rules = nil
		}
	}
	return r
}

// Wrote marks what a call on an object wrote. The rule, for a rule, is the
// registry's number of the one that was written; empty where that is unknown.
func (r *Record) Wrote(object Object, rule string, w Write) {
	if object.IsAccount() {
		r.Written = w
		return
	}
	r.Images = slices.Clone(r.Images)
	for i := range r.Images {
		img := &r.Images[i]
		switch {
		case NormalImage(img.Image) != object.Image:
		case object.Kind == ObjectRepository:
			img.LinkWritten = w
		default:
			img.Rules = slices.Clone(img.Rules)
			for n := range img.Rules {
				of := &img.Rules[n]
				another := rule != "" && of.ID != "" && of.ID != rule && !of.Removed
				if of.Key == object.Rule && of.Written == (Write{}) && !another {
					of.Written = w
				}
			}
		}
	}
}

// OnceRead says that the registry has shown the account, and that nobody confirmed it:
// if the registry cannot be asked now, the account is unknown.
func (r Record) OnceRead() bool {
	return r.Attested == nil && r.AccountID != "" && (r.Written.At.IsZero() || r.Written.Seen)
}

// LinkOnceRead says that the registry has shown the recorded link of an image
// repository.
func (i RecordedImage) LinkOnceRead() bool { return i.LinkWritten.Seen }

// RulesOnceRead says that the registry has shown a recorded build rule.
func (i RecordedImage) RulesOnceRead() bool {
	return slices.ContainsFunc(i.Rules, func(r RecordedRule) bool {
		return r.Written.Seen || r.ID != "" && r.Written.At.IsZero()
	})
}
