package plan

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// EventKind says what an Event reports.
type EventKind string

// Event kinds, in the order in which one sync reports them.
const (
	// SyncStarted carries Waited. Only a loop reports it.
	SyncStarted EventKind = "SyncStarted"
	// PlanMade carries Plan, and Round.
	PlanMade EventKind = "PlanMade"
	// ActionStarted carries Action, Index and Count.
	ActionStarted EventKind = "ActionStarted"
	// ActionDone carries Action, Index, Count, Outcome, and Err when it failed.
	ActionDone EventKind = "ActionDone"
	// Recovered carries Intent: an observation showed the outcome of a call that a
	// crash had interrupted.
	Recovered EventKind = "Recovered"
	// RepairsStopped carries Action: drift of its object is no longer
	// repaired, because repairs do not last.
	RepairsStopped EventKind = "RepairsStopped"
	// StepDue, StepOverdue and StepDone carry Action and Since: a step begins to
	// wait for a person, waits past its deadline, or is observed to be done. Each
	// is reported once, also across restarts.
	StepDue     EventKind = "StepDue"
	StepOverdue EventKind = "StepOverdue"
	StepDone    EventKind = "StepDone"
	// GlassBroken carries Glass and Digest: a person lets the run change the
	// instance outside of its windows.
	GlassBroken EventKind = "GlassBroken"
	// SyncDone carries Statuses and Conditions, both also as they were before, and
	// Result.
	SyncDone EventKind = "SyncDone"
	// SyncFailed carries Err: nothing was applied.
	SyncFailed EventKind = "SyncFailed"
)

// Event kinds of the daemon itself.
const (
	// SnapshotRead and SourceNotRead carry From, the source; the latter Err.
	SnapshotRead  EventKind = "SnapshotRead"
	SourceNotRead EventKind = "SourceNotRead"
	// FileBroken carries Findings: files of the snapshot are invalid, and what
	// they declare is not changed.
	FileBroken EventKind = "FileBroken"
	// WebhookReceived carries From, the sender.
	WebhookReceived EventKind = "WebhookReceived"
	// ConfigurationTaken and ConfigurationRefused carry From, the file; the
	// latter Err.
	ConfigurationTaken   EventKind = "ConfigurationTaken"
	ConfigurationRefused EventKind = "ConfigurationRefused"
	// SyncAsked, Suspended, Resumed and StepsAttested carry Binding, Person and
	// Reason; Suspended and Resumed also Until.
	SyncAsked     EventKind = "SyncAsked"
	Suspended     EventKind = "Suspended"
	Resumed       EventKind = "Resumed"
	StepsAttested EventKind = "Attested"
)

// Event is something that happened. The log, metrics, the list of events and the
// history are made from events. It never contains a secret.
type Event struct {
	Kind     EventKind
	Time     time.Time
	Instance string
	Revision string
	Plan     *Plan
	Round    *Round
	Action   Action
	// Index counts the plan's actions that change something, from 1 to Count.
	Index, Count int
	// Outcome is the outcome of Action, and Intent the one whose outcome was found;
	// nil if there is none.
	Outcome    *Outcome
	Intent     *binding.Intent
	BreakGlass BreakGlass
	// Digest is the digest of the plan.
	Digest string
	Result *Result
	// Since is when a person's step began to wait.
	Since    time.Time
	Statuses []binding.Status
	// Before are the statuses before the sync.
	Before []binding.Status
	// Conditions are the instance's own, and ConditionsBefore those before the sync.
	Conditions, ConditionsBefore []binding.Condition
	Err                          error
	// Took is how long the action or the sync took.
	Took time.Duration
	// Waited is how long the snapshot or the request that started the sync had
	// waited, the oldest if there are several; zero if the sync started by itself.
	Waited time.Duration
	// Binding, Person and Reason are those of a person's request; Until is when
	// a suspension ends.
	Binding string
	Person  binding.Person
	Reason  string
	Until   time.Time
	// Attested is what a person confirmed.
	Attested message.Message
	// Findings are the findings of invalid files.
	Findings []finding.Finding
	// From is the source, sender or file of the daemon's own events.
	From string
}
