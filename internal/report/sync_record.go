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
		Instance: ev.Instance, Revision: ev.Revision, Began: ended.Add(-ev.Took).UTC(), Took: ev.Took, Err: message.FromError(ev.Err).Map(redact),
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
			r.Actions = append(r.Actions, RecordedAction{
				Binding: o.Action.Binding, Object: o.Action.Object, Action: o.Action.Kind, State: o.State,
				Reason: o.Action.Reason.Map(redact), Changes: RedactedChanges(o.Action.Changes, redact), Err: message.FromError(o.Err).Map(redact),
			})
		}
	}
	r.Actions = slices.Clone(r.Actions) // Records are kept, so they get no spare capacity.
	return r
}

// RedactedChanges applies redact to every text of changes. It returns the same list if
// nothing is masked.
func RedactedChanges(changes []plan.Change, redact func(string) string) []plan.Change {
	own, _ := message.ChangeEach(changes, func(c plan.Change) (plan.Change, bool) {
		from, to := c.From, c.To
		c.From, c.To = redact(from), redact(to)
		return c, c.From != from || c.To != to
	})
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
	return slices.ContainsFunc(r.Actions, func(a RecordedAction) bool { return a.State == plan.Done || a.State == plan.Failed })
}
