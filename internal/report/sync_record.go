package report

import (
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// mostRecorded bounds the actions that the record of a sync keeps.
const mostRecorded = 100

// SyncRecord is a sync that a daemon did. It holds no secret.
type SyncRecord struct {
	Instance string
	// Revision and Digest name the commit and the plan, Author is the commit's.
	Revision, Digest, Author string
	Began                    time.Time
	Took                     time.Duration
	// Err says why it failed; zero if it did not.
	Err message.Message
	// Incomplete says that not everything answered.
	Incomplete bool
	// Actions are what the plan had to change or could not, More is how many beyond
	// those there were.
	Actions []RecordedAction
	More    int
}

// RecordedAction is an action of a recorded sync and what became of it.
type RecordedAction struct {
	Binding string
	Object  binding.Object
	Action  plan.Kind
	State   plan.OutcomeState
	Reason  message.Message
	Changes []plan.Change
	Err     message.Message
}

// NewSyncRecord is the record of a sync that ended, with every foreign text as
// redact returns it.
func NewSyncRecord(ev plan.Event, ended time.Time, redact func(string) string) SyncRecord {
	r := SyncRecord{
		Instance: ev.Instance, Revision: ev.Revision, Began: ended.Add(-ev.Took).UTC(), Took: ev.Took, Err: message.Says(ev.Err).Map(redact),
	}
	if ev.Result == nil {
		return r
	}
	r.Digest, r.Incomplete = ev.Result.Digest, ev.Result.Incomplete
	for _, o := range ev.Result.Outcomes {
		switch {
		case o.Action.Kind == plan.Noop:
		case len(r.Actions) >= mostRecorded:
			r.More++
		default:
			a := RecordedAction{
				Binding: o.Action.Binding, Object: o.Action.Object, Action: o.Action.Kind, State: o.State,
				Reason: o.Action.Reason.Map(redact), Err: message.Says(o.Err).Map(redact),
			}
			a.Changes = redacted(o.Action.Changes, redact)
			r.Actions = append(r.Actions, a)
		}
	}
	r.Actions = slices.Clone(r.Actions) // Records stay: without spare room.
	return r
}

// redacted are changes with every text as redact returns it; the same ones, where
// nothing is hidden.
func redacted(changes []plan.Change, redact func(string) string) []plan.Change {
	own := changes
	for i, c := range changes {
		from, to := redact(c.From), redact(c.To)
		if from == c.From && to == c.To {
			continue
		}
		if &own[0] == &changes[0] {
			own = slices.Clone(changes)
		}
		own[i].From, own[i].To = from, to
	}
	return own
}

// AddsTo reports whether the sync shows more than that all is as it was: another
// commit, a failure or its end, or a plan with something to do that is another one.
func (r SyncRecord) AddsTo(before SyncRecord) bool {
	return r.Revision != before.Revision || len(r.Actions) > 0 && r.Digest != before.Digest ||
		r.Err.IsZero() != before.Err.IsZero() || r.Incomplete != before.Incomplete || r.did()
}

// did reports whether something was changed, or tried without success.
func (r SyncRecord) did() bool {
	for _, a := range r.Actions {
		if a.State == plan.Done || a.State == plan.Failed {
			return true
		}
	}
	return false
}
