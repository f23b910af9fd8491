package binding

import (
	"slices"
	"strings"
	"time"
)

// Write is when the registry accepted a write of ours, and whether it has shown the
// write since. Nothing is known about the zero Write.
type Write struct {
	At   time.Time `json:"at,omitzero"`
	Seen bool      `json:"seen,omitempty"`
	// Late is true if a read did not show the write while it was recent.
	Late bool `json:"late,omitempty"`
}

// Recent reports whether a write is so recent that a read without it proves
// nothing, because the registry may show writes late. A write in the future is
// recent; Record.AsOf moves it to now.
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

// Unseen returns the recent writes of a record that an observation would show and
// does not. The account comes first.
func (r Record) Unseen(obs Observation, at time.Time, settle time.Duration) []Unseen {
	var all []Unseen
	r.eachWrite(obs, func(o Object, w *Write, is visibility) {
		if is == notShown && w.Recent(at, settle) {
			all = append(all, Unseen{o, *w})
		}
	})
	return all
}

// AsRemoved returns what is remembered about a binding whose account was unbound
// for good. A read that still shows the account is then recognized as outdated, and
// what we created in its image repositories is recognized as ours.
func (r Record) AsRemoved() Record {
	r, _ = r.WithUndeclared(nil)
	return Record{
		Instance: r.Instance, Binding: r.Binding, Platform: r.Platform, AccountID: r.AccountID, Username: r.Username, Address: r.Address,
		DeletionPolicy: r.DeletionPolicy, Removed: true, Undeclared: true, Images: r.Images, File: r.File, Revision: r.Revision,
	}
}

// WithLeft returns the record with those image repositories of removed that it
// lacks: what is left of a removed binding with the same name.
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

// HasLeftovers reports whether a link or a rule that we made may be left.
func (r Record) HasLeftovers() bool { return slices.ContainsFunc(r.Images, RecordedImage.HasLeftovers) }

// Recent returns the recent writes of a record.
func (r Record) Recent(at time.Time, settle time.Duration) []Unseen {
	var all []Unseen
	r.eachWrite(Observation{}, func(o Object, w *Write, _ visibility) {
		if w.Recent(at, settle) {
			all = append(all, Unseen{o, *w})
		}
	})
	return all
}

// RecentWrites returns the recent writes of a record that no observation has shown.
func (r Record) RecentWrites(at time.Time, settle time.Duration) []Unseen {
	return slices.DeleteFunc(r.Recent(at, settle), func(u Unseen) bool { return u.Write.Seen })
}

// WrittenAt returns the times of a record's writes.
func (r Record) WrittenAt() (all []time.Time) {
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) {
		if !w.At.IsZero() {
			all = append(all, w.At)
		}
	})
	return all
}

// Confirmed returns the record after an observation: writes that it shows are
// marked as seen, missing numbers are filled in, and removals that had no effect
// are taken back. Removed rules and image repositories are kept while something may
// be left of them. r is not changed.
func (r Record) Confirmed(obs Observation, at time.Time, settle time.Duration) Record {
	r = r.withOwnImages()
	r.number(obs, at)
	r.eachWrite(obs, func(_ Object, w *Write, is visibility) {
		w.Late = w.Late || is == notShown && !w.Seen && w.Recent(at, settle)
		w.Seen = w.Seen || is == shown && !w.At.IsZero()
	})
	r.settleRemovals(obs, at, settle)
	return r
}

// LateAfter reports whether a write after a time was shown late.
func (r Record) LateAfter(at time.Time) bool {
	late := false
	r.eachWrite(Observation{}, func(_ Object, w *Write, _ visibility) { late = late || w.Late && w.At.After(at) })
	return late
}

// WithoutWrite returns a record without the write of an object, so that reads which do
// not show the write are believed.
func (r Record) WithoutWrite(object Object) Record {
	r = r.withOwnImages()
	r.eachWrite(Observation{}, func(o Object, w *Write, _ visibility) {
		if o == object {
			*w = Write{}
		}
	})
	return r
}

// withOwnImages returns a record whose images can be changed without changing r.
func (r Record) withOwnImages() Record {
	r.Images = slices.Clone(r.Images)
	for i := range r.Images {
		r.Images[i].Rules = slices.Clone(r.Images[i].Rules)
	}
	return r
}

// visibility says whether an observation shows a write; that may be unknown.
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

// eachWrite calls do for every write of a record, with its visibility in an
// observation.
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

// account returns the account of a platform; known is false if there is no answer.
func (o Observation) account(p Platform) (account *Account, known bool) {
	state, asked := o.Accounts[p]
	return state.Account, asked && o.Unknown == nil && state.Unknown == nil
}

// repository returns the state of an image repository; known is false if there is
// no answer.
func (o Observation) repository(image string) (state RepositoryState, known bool) {
	state, asked := o.Repositories[NormalImage(image)]
	return state, asked && o.Unknown == nil && state.Unknown == nil
}

// WasUnbound reports whether we unbound the account with a number, so that a read
// which shows it is outdated.
func (r Record) WasUnbound(id string) bool {
	return id != "" && (id == r.Unbound || slices.Contains(r.UnboundBefore, id))
}

// maxUnbound bounds how many unbound accounts a record remembers.
const maxUnbound = 5

// After returns the record of an account that replaced the accounts of old, and
// remembers those as unbound.
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

// onlyMade reports whether nothing is known about the source, because a write only
// created the image repository.
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

// number fills in missing numbers from an observation: those of the registry and of
// the code host.
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

// numberOf returns the number of the observed rule that matches a recorded rule
// without a number; empty if none or more than one matches.
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

// settleRemovals settles removals that are no longer recent. If the removed account or
// rule is still shown with the same number, it was never removed, so it counts as
// ours again. A source has no number: if no read has shown its removal, the removal
// had no effect, but after one has, a later link is somebody else's. settleRemovals also
// forgets image repositories with nothing left of ours.
func (r *Record) settleRemovals(obs Observation, at time.Time, settle time.Duration) {
	over := func(w Write) bool { return !w.At.IsZero() && !w.Recent(at, settle) }
	if account, known := obs.account(r.Platform); known && r.Removed && over(r.Written) && !r.shows(account) {
		r.Removed, r.Managed, r.Written = false, true, Write{}
	}
	for i := range r.Images {
		if state, known := obs.repository(r.Images[i].Image); known {
			r.Images[i].settleRemovals(state, over)
		}
	}
	r.Images = slices.DeleteFunc(r.Images, func(i RecordedImage) bool {
		return !i.HasLeftovers() && i.Unlinked == nil && !i.LinkWritten.Recent(at, settle) && !slices.ContainsFunc(i.Rules, func(rule RecordedRule) bool { return rule.Written.Recent(at, settle) })
	})
}

// settleRemovals does the same for one image repository.
func (i *RecordedImage) settleRemovals(state RepositoryState, over func(Write) bool) {
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

// Gone returns the image repositories that, according to an observation, do not
// exist, although the record has a source or build rules of theirs that the
// registry cannot be asked about.
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

// Forget returns a record without those sources and rules of the given image
// repositories that the registry cannot be asked about: a new image repository with
// the same name has none of them. r is not changed.
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

// Wrote notes the write of a call on an object. For a rule, rule is the registry's
// number of the rule that was written; empty if it is unknown.
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

// OnceRead reports whether the registry, and not a person, has confirmed the
// account. If the registry cannot be asked now, such an account is unknown.
func (r Record) OnceRead() bool {
	return r.Attested == nil && r.AccountID != "" && (r.Written.At.IsZero() || r.Written.Seen)
}

// LinkOnceRead reports whether the registry has shown the recorded link of an image
// repository.
func (i RecordedImage) LinkOnceRead() bool { return i.LinkWritten.Seen }

// RulesOnceRead reports whether the registry has shown a recorded build rule.
func (i RecordedImage) RulesOnceRead() bool {
	return slices.ContainsFunc(i.Rules, func(r RecordedRule) bool {
		return r.Written.Seen || r.ID != "" && r.Written.At.IsZero()
	})
}
