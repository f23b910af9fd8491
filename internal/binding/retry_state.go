package binding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"reconciler/internal/message"
)

// Digest is a hash of the spec. It changes with any field.
func (s Spec) Digest() string {
	data, err := json.Marshal(s)
	if err != nil {
		// Strings, numbers, booleans, dates and lists of them always marshal.
		panic("binding: spec: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// RetryState is the retry state of one binding: the repairs that did not last, the
// failures, and the steps that are pending for a person. It survives a restart.
// It is a cache and contains no secret.
type RetryState struct {
	Instance string `json:"instance"`
	Binding  string `json:"binding"`
	// Digest is the digest of the spec that Repairs belong to; a changed
	// declaration starts again from zero.
	Digest string `json:"digest,omitempty"`
	// Repairs are sorted by object.
	Repairs []Repairs `json:"repairs,omitempty"`
	// Pending are the steps that are pending for a person. A changed declaration
	// does not reset them.
	Pending []PendingSince `json:"waits,omitempty"`
	// Failed is what failed last; nil if nothing did.
	Failed *Failed `json:"failed,omitempty"`
	// BindForbidden is when the registry last refused to bind the account because
	// of our own credentials; zero if it did not, or has bound it since.
	BindForbidden time.Time `json:"bindForbidden,omitzero"`
	// ContradictedSince is since when the registry has refused writes because their
	// objects exist already or are gone, although no read shows that; zero if it
	// does not.
	ContradictedSince time.Time `json:"contradictedSince,omitzero"`
}

// Empty reports whether there is nothing to remember.
func (e RetryState) Empty() bool {
	return len(e.Repairs) == 0 && len(e.Pending) == 0 && e.Failed == nil && e.BindForbidden.IsZero() && e.ContradictedSince.IsZero()
}

// Failed is what failed, and when it is tried again.
type Failed struct {
	// Tried identifies what was tried: the declaration and the version of its
	// token. If one of them changes, there is no pause before the next try.
	Tried string `json:"tried"`
	// Times is how often it failed in a row, from 1.
	Times int `json:"times"`
	// At is when it failed last; zero in what an earlier version wrote.
	At   time.Time `json:"at,omitzero"`
	Next time.Time `json:"next"`
	// Action and Object name what failed last, as in the plan. Fault is whose fault
	// that was, and Why says why. They are empty in what an earlier version wrote.
	Action string          `json:"action,omitempty"`
	Object Object          `json:"object,omitzero"`
	Fault  Fault           `json:"fault,omitempty"`
	Why    message.Message `json:"why,omitzero"`
}

// Same reports whether both describe the same failure.
func (f Failed) Same(o Failed) bool {
	return f.Tried == o.Tried && f.Times == o.Times && f.At.Equal(o.At) && f.Next.Equal(o.Next)
}

// AsOf returns the failure as of now. If it happened in the future, because the
// clock was ahead, its pause begins now.
func (f Failed) AsOf(now time.Time) Failed {
	if f.At.IsZero() {
		if f.Next.Sub(now) > LongestPause {
			f.Next = now
		}
		return f
	}
	pause := Term{f.At, f.Next}.At(now)
	f.At, f.Next = pause.Began, pause.Ends
	return f
}

// AsOf returns the state with every time in the future replaced by now. e is not
// changed.
func (e RetryState) AsOf(now time.Time) RetryState {
	e.Repairs, e.Pending = slices.Clone(e.Repairs), slices.Clone(e.Pending)
	for i := range e.Repairs {
		r := &e.Repairs[i]
		r.Made, r.Stopped = slices.Clone(r.Made), Past(r.Stopped, now)
		for n := range r.Made {
			r.Made[n].At = Past(r.Made[n].At, now)
		}
	}
	for i := range e.Pending {
		e.Pending[i].Since, e.Pending[i].Changed = Past(e.Pending[i].Since, now), Past(e.Pending[i].Changed, now)
	}
	if e.Failed != nil {
		e.Failed = new(e.Failed.AsOf(now))
	}
	e.BindForbidden, e.ContradictedSince = Past(e.BindForbidden, now), Past(e.ContradictedSince, now)
	return e
}

// Undeclared is used instead of a spec's digest if a step is asked for because
// nothing declares the binding.
const Undeclared = "undeclared"

// PendingSince is since when a step is pending for a person.
type PendingSince struct {
	Platform Platform `json:"platform"`
	Object   Object   `json:"object"`
	// Action names the step, as in the plan.
	Action string    `json:"action"`
	Since  time.Time `json:"since"`
	// TokenVersion is the version of the token that the step has asked for since
	// then; 0 if that changed, or there is none.
	TokenVersion int `json:"tokenVersion,omitempty"`
	// Asks identifies what the step asks for. Changed is when that last changed, or
	// when the step was added to others, after a person could read the binding's
	// steps; zero if neither happened. If it is set, it is unknown what a person
	// did.
	Asks    string    `json:"asks,omitempty"`
	Changed time.Time `json:"changed,omitzero"`
	// Digest is the digest of the spec that last asked for the step, or Undeclared;
	// empty if an earlier version wrote the state.
	Digest string `json:"digest,omitempty"`
	// Overdue is true after an event has reported that it is overdue.
	Overdue bool `json:"overdue,omitempty"`
}

// PendingOf is since when a step on an object is pending; the zero PendingSince if there is none.
func (e RetryState) PendingOf(p Platform, object Object) PendingSince {
	for _, w := range e.Pending {
		if w.Platform == p && w.Object == object {
			return w
		}
	}
	return PendingSince{}
}

// RepairsOf are the repairs of one object under the spec with that digest. They are
// empty if there were none.
func (e RetryState) RepairsOf(object Object, digest string) Repairs {
	i := slices.IndexFunc(e.Repairs, func(r Repairs) bool { return r.Object == object })
	if i < 0 || e.Digest != digest {
		return Repairs{Object: object}
	}
	return e.Repairs[i]
}

// Repairs are the repairs of drift of one object.
type Repairs struct {
	// Object is named as in the plan: "account", an image repository, or a build
	// rule.
	Object Object `json:"object"`
	// Made are the repairs that still count, oldest first.
	Made []Repair `json:"made"`
	// Stopped is since when it is no longer repaired, because drift comes back
	// after each repair; zero while it is repaired.
	Stopped time.Time `json:"stopped,omitzero"`
}

// Since gives the repairs that were made at t or later.
func (r Repairs) Since(t time.Time) []Repair {
	i := slices.IndexFunc(r.Made, func(m Repair) bool { return !m.At.Before(t) })
	if i < 0 {
		return nil
	}
	return r.Made[i:]
}

// Repair is one repair of drift.
type Repair struct {
	At time.Time `json:"at"`
	// Found is what was there instead, in English, and FoundMessage is the same as
	// data. An entry of an earlier version has only Found.
	Found        string          `json:"found"`
	FoundMessage message.Message `json:"foundMessage,omitzero"`
}

// NewRepair is a repair of what was found instead.
func NewRepair(at time.Time, found message.Message) Repair {
	return Repair{At: at, Found: message.English(found), FoundMessage: found}
}

// FoundSame reports whether the repair found the same. An entry of an earlier
// version always counts as the same: then repairs end sooner, and a person takes a
// look.
func (r Repair) FoundSame(found message.Message) bool {
	return r.FoundMessage.IsZero() || r.FoundMessage.Key() == found.Key()
}
