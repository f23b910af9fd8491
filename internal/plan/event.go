package plan

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// EventKind says what an Event reports.
type EventKind string

// Event kinds, in the order in which one sync gives them.
const (
	// SyncStarted carries Waited. Only a loop gives it.
	SyncStarted EventKind = "SyncStarted"
	// PlanMade carries Plan, and Round.
	PlanMade EventKind = "PlanMade"
	// ActionStarted carries Action, Index and Count.
	ActionStarted EventKind = "ActionStarted"
	// ActionDone carries Action, Index, Count, Outcome, and Err when it failed.
	ActionDone EventKind = "ActionDone"
	// Recovered carries Intent: a call that a crash had left open was answered
	// by observing.
	Recovered EventKind = "Recovered"
	// RepairsStopped carries Action: drift of its object is no longer
	// repaired, because repairs do not last.
	RepairsStopped EventKind = "RepairsStopped"
	// StepDue, StepOverdue and StepDone carry Action and Since: a step begins to
	// wait for a person, waits past its deadline, or is seen done. Each is reported
	// once, over restarts too.
	StepDue     EventKind = "StepDue"
	StepOverdue EventKind = "StepOverdue"
	StepDone    EventKind = "StepDone"
	// GlassBroken carries Glass and Digest: a person lets the run change the
	// instance outside of its windows.
	GlassBroken EventKind = "GlassBroken"
	// SyncDone carries Statuses, Conditions, what both were before, and Result.
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

// Event is something that happened: log, metrics, the list of events and the
// history are made from it. It never holds a secret.
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
	// Outcome is the action's, and Intent the one that was answered; nil where there
	// is none.
	Outcome *Outcome
	Intent  *binding.Intent
	Glass   BreakGlass
	// Digest is the plan's.
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
	// Waited is how long ago the oldest snapshot, or the wish of a person, came
	// that the sync begins with; zero where it begins of itself.
	Waited time.Duration
	// Binding, Person and Reason are those of a person's request; Until is when
	// a suspension ends.
	Binding string
	Person  binding.Person
	Reason  string
	Until   time.Time
	// Attested is what a person confirmed.
	Attested message.Message
	// Findings are those of invalid files.
	Findings []finding.Finding
	// From is the source, sender or file of the daemon's own events.
	From string
}
