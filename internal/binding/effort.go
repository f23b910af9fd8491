package binding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Digest identifies what a declaration asks for: a hash of its spec, which a
// change of any field changes.
func (s Spec) Digest() string {
	data, err := json.Marshal(s)
	if err != nil {
		// Strings, numbers, booleans, dates and lists of them always marshal.
		panic("binding: spec: " + err.Error())
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Effort is what is remembered of the trouble that one binding makes: what was
// repaired again and again, what failed, and what waits for a person since when,
// so that a restart does not begin anew. It is a cache and holds no secret.
type Effort struct {
	Instance string `json:"instance"`
	Binding  string `json:"binding"`
	// Digest is of the spec that Repairs speak of; another declaration begins
	// anew.
	Digest string `json:"digest,omitempty"`
	// Repairs are sorted by object.
	Repairs []Repairs `json:"repairs,omitempty"`
	// Waits are the steps that wait for a person, whatever the declaration.
	Waits []Wait `json:"waits,omitempty"`
	// Failed is what failed last; nil where nothing did.
	Failed *Failed `json:"failed,omitempty"`
}

// Empty says that there is nothing to remember.
func (e Effort) Empty() bool { return len(e.Repairs) == 0 && len(e.Waits) == 0 && e.Failed == nil }

// Failed is what failed, and when it is tried again.
type Failed struct {
	// Tried identifies what was to be reached: the declaration and the version
	// of its token. Something else is tried without a pause.
	Tried string `json:"tried"`
	// Times is how often it failed in a row, from 1.
	Times int       `json:"times"`
	Next  time.Time `json:"next"`
}

// Wait is a step that waits for a person.
type Wait struct {
	Platform Platform `json:"platform"`
	Object   Object   `json:"object"`
	// Action is the plan's word for the step.
	Action string    `json:"action"`
	Since  time.Time `json:"since"`
	// Overdue says that its being overdue was told.
	Overdue bool `json:"overdue,omitempty"`
}

// WaitOf is the wait for a step on an object; the zero Wait if there is none.
func (e Effort) WaitOf(p Platform, object Object) Wait {
	for _, w := range e.Waits {
		if w.Platform == p && w.Object == object {
			return w
		}
	}
	return Wait{}
}

// RepairsOf are the repairs of one object under the spec of that digest; the
// zero Repairs if there were none.
func (e Effort) RepairsOf(object Object, digest string) Repairs {
	i := slices.IndexFunc(e.Repairs, func(r Repairs) bool { return r.Object == object })
	if i < 0 || e.Digest != digest {
		return Repairs{Object: object}
	}
	return e.Repairs[i]
}

// Repairs are how often drift of one object was repaired.
type Repairs struct {
	// Object is the plan's word: "account", an image repository, or a build
	// rule.
	Object Object `json:"object"`
	// Made are the repairs that count still, oldest first.
	Made []Repair `json:"made"`
	// Stopped is since when it is not repaired any more, because repairs do not
	// hold; zero while it is.
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

// Repair is one time that drift was put right.
type Repair struct {
	At time.Time `json:"at"`
	// Found is what was there instead, in words.
	Found string `json:"found"`
}
