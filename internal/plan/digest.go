package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"reconciler/internal/binding"
)

// effect is what an action does to which object. Two actions with equal effects do
// the same, whatever their causes are.
type effect struct {
	Instance string           `json:"instance"`
	Binding  string           `json:"binding"`
	Platform binding.Platform `json:"platform"`
	Object   binding.Object   `json:"object"`
	Kind     Kind             `json:"action"`
	Changes  []exact          `json:"changes,omitempty"`
	Safety   bool             `json:"safety,omitempty"`
}

// digestFields is the part of an action that the digest covers: its effect and its
// cause. It contains no sentence, no secret and no time.
type digestFields struct {
	effect
	Cause Cause `json:"cause"`
}

func effectOf(a Action) effect {
	e := effect{Instance: a.Instance, Binding: a.Binding, Platform: a.Platform, Object: a.Object, Kind: a.Kind, Safety: a.Safety}
	for _, c := range a.Changes {
		e.Changes = append(e.Changes, exactly(c))
	}
	return e
}

func digestFieldsOf(a Action) digestFields { return digestFields{effectOf(a), a.Cause} }

// Digest identifies what the plan would do and where: "sha256:" and the hash of its
// actions (what, to what, why, with which values) and of their instances. Findings
// are not part of it, because they depend on the time.
func (p Plan) Digest() string {
	covered := struct {
		Instances []Instance     `json:"instances"`
		Actions   []digestFields `json:"actions"`
	}{Actions: make([]digestFields, len(p.Actions))}
	for i, a := range p.Actions {
		covered.Actions[i] = digestFieldsOf(a)
	}
	for _, i := range p.Instances {
		if slices.ContainsFunc(p.Actions, func(a Action) bool { return a.Instance == i.Name }) {
			covered.Instances = append(covered.Instances, i)
		}
	}
	sum := sha256.Sum256([]byte(encoded(covered)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// encoded is a value as text, to be hashed or used as a key.
func encoded(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		// Strings, booleans and lists of them always marshal.
		panic("plan: digest: " + err.Error())
	}
	return string(data)
}
