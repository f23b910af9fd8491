package client

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// The paths of the daemon's API; docs/daemon-api.md describes them.
const (
	// Root is above all paths.
	Root         = "/v1alpha1/"
	BindingsPath = "/v1alpha1/bindings"
	MemoryPath   = "/v1alpha1/memory/"
	DaemonPath   = "/v1alpha1/daemon"
	SnapshotPath = "/v1alpha1/snapshot"
	DescribePath = "/v1alpha1/describe/"
	EventsPath   = "/v1alpha1/events"
	HistoryPath  = "/v1alpha1/history"
	PlanPath     = "/v1alpha1/plan"
	AttestPath   = "/v1alpha1/attest"
	SyncPath     = "/v1alpha1/sync"
	SuspendPath  = "/v1alpha1/suspend"
	ResumePath   = "/v1alpha1/resume"
	AcceptPath   = "/v1alpha1/accept-journal"
)

// RowsView asks, as view in the query of BindingsPath, for what a table of bindings
// shows, and nothing else.
const RowsView = "rows"

// RowsType is the media type of the answer to RowsView where the request accepts
// it: report.WriteBindingCSV writes it.
const RowsType = "text/csv"

// How long the daemon works on a request at most.
const (
	// AttestTimeout and SuspendTimeout bound the wait for a sync under way to end.
	AttestTimeout  = 25 * time.Second
	SuspendTimeout = 25 * time.Second
	// SyncTimeout bounds the wait for a sync to end. One that takes longer continues
	// without the one who asked.
	SyncTimeout = 10 * time.Minute
	// SnapshotTimeout bounds the making of a published observation, which may
	// have to wait for a sync that is under way. It is less than the time that an
	// answer may take.
	SnapshotTimeout = 25 * time.Second
	// AnswerMargin is how much longer an answer may be on its way than the daemon
	// works on it, so that a refusal for that reason arrives.
	AnswerMargin = 5 * time.Second
)

// HistoryQuery says what of the history is meant; what is zero means all.
type HistoryQuery struct {
	Binding, Instance string
	Since             time.Time
	Limit             int
}

// Attestation says that a person did the steps of a binding.
type Attestation struct {
	Binding string `json:"binding"`
	// By is who says so. It is not proven: everyone who may open the socket is
	// trusted.
	By string `json:"by"`
	// Instance is needed only where steps of several instances wait under one
	// binding's name.
	Instance string `json:"instance,omitempty"`
}

// Attested is what an Attestation wrote.
type Attested struct {
	Message string `json:"message"`
	// ID and Args are the message as data; an earlier daemon sends none.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// ConfigurationCurrent is the daemon's condition that it works by the
// configuration that it read last. It is false while one was refused and the
// previous one stays in force.
const ConfigurationCurrent binding.ConditionType = "ConfigurationCurrent"

// JournalIntact is the daemon's condition that what it remembers can be trusted.
// While it is false, nothing is changed.
const JournalIntact binding.ConditionType = "JournalIntact"

// SourceVerified is the daemon's condition that the commit in force was verified
// (source.git.verify). It is false while a newer one is not taken.
const SourceVerified binding.ConditionType = "SourceVerified"

// AcceptRequest says that the daemon continues although its journal is damaged.
type AcceptRequest struct {
	// By is who says so. It is not proven; the other end of the socket is.
	By string `json:"by"`
	// Entry is where the damage begins that is accepted; 0 accepts any.
	Entry uint64 `json:"entry,omitempty"`
}

// Daemon is what a daemon says about itself.
type Daemon struct {
	Conditions []report.ConditionObject `json:"conditions"`
	// Instances are the names of those that it is configured for.
	Instances []string `json:"instances,omitempty"`
	// ConfigurationDigest is the config.Digest of the file that it uses: who reads
	// the same one does not have to check it again. It is absent where other files
	// decide too whether it is valid.
	ConfigurationDigest string `json:"configurationDigest,omitempty"`
	report.Problems
}

// Scope says what a request is about: a binding, on one instance or wherever it
// is; an instance, where no binding is named; or everything.
type Scope struct {
	Binding  string `json:"binding,omitempty"`
	Instance string `json:"instance,omitempty"`
	All      bool   `json:"all,omitempty"`
}

// SuspendRequest asks to suspend something until a given time.
type SuspendRequest struct {
	Scope
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	By     string    `json:"by"`
}

// ResumeRequest asks to end what was asked for by a SuspendRequest.
type ResumeRequest struct {
	Scope
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"`
}

// SyncRequest asks for a sync at once.
type SyncRequest struct {
	// Binding is the one meant; empty for all, and then the source is looked
	// at again.
	Binding string `json:"binding,omitempty"`
	// Instance is the only one meant; empty for all.
	Instance string `json:"instance,omitempty"`
	// By is who asks. It is not proven; the other end of the socket is.
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	// BreakGlass asks for changes outside of an instance's windows.
	BreakGlass bool `json:"breakGlass,omitempty"`
	// NoWait asks for an answer as soon as the sync is asked for.
	NoWait bool `json:"noWait,omitempty"`
}

// Memory is what a plan made outside of the daemon needs of the daemon's memory.
// It holds no secret.
type Memory struct {
	// Records are what was applied last, Intents the calls whose outcome is
	// not known.
	Records []binding.Record `json:"records"`
	Intents []binding.Intent `json:"intents"`
	// RetryStates are those of the bindings.
	RetryStates []binding.RetryState `json:"efforts,omitempty"`
	// Suspensions are those that persons asked for.
	Suspensions []binding.Suspension `json:"suspensions,omitempty"`
	// Revision is the one that the next snapshot has to descend from; empty
	// before the first.
	Revision string `json:"revision,omitempty"`
	// Since is the source.git.verify.since with which that one was taken.
	Since string `json:"since,omitempty"`
}
