package report

import (
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// mostRecorded limits the actions in the record of a sync.
const mostRecorded = 100

// SyncRecord is a sync that a daemon did. It contains no secret.
type SyncRecord struct {
	Instance string
	// Revision and Digest identify the commit and the plan. Author is the author of
	// the commit.
	Revision, Digest, Author string
	Began                    time.Time
	Took                     time.Duration
	// Err says why it failed; zero if it did not.
	Err message.Message
	// Incomplete is true if not everything answered.
	Incomplete bool
	// Actions are what the plan had to change or could not change, and More is how
	// many others there were.
	Actions []RecordedAction
	More    int
}

// RecordedAction is an action of a recorded sync and its outcome.
type RecordedAction struct {
	Binding string
	Object  binding.Object
	Action  plan.Kind
	State   plan.OutcomeState
	Reason  message.Message
	Changes []plan.Change
	Err     message.Message
}

// NewSyncRecord makes the record of a sync that has ended. It applies redact to
// every foreign text.
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
	r.Actions = slices.Clone(r.Actions) // Records are kept, so they get no spare capacity.
	return r
}

// redacted applies redact to every text of changes. It returns the same list if
// nothing is masked.
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

// AddsTo reports whether the sync shows anything new after before: a different
// commit, a failure or its end, or a different plan with something to do.
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
