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

// RowsView is a value of the query parameter view of BindingsPath. It asks for only
// what a table of bindings shows.
const RowsView = "rows"

// RowsType is the media type of the answer to RowsView if the request accepts
// it. report.WriteBindingCSV writes it.
const RowsType = "text/csv"

// How long the daemon works on a request at most.
const (
	// AttestTimeout and SuspendTimeout limit the wait for a running sync to end.
	AttestTimeout  = 25 * time.Second
	SuspendTimeout = 25 * time.Second
	// SyncTimeout limits the wait for a sync to end. A sync that takes longer
	// continues, but its caller gets no result.
	SyncTimeout = 10 * time.Minute
	// SnapshotTimeout limits the time to make a published observation, which may
	// have to wait for a running sync. It is less than the time limit of an
	// answer.
	SnapshotTimeout = 25 * time.Second
	// AnswerMargin is how much longer a client waits than the daemon works on a
	// request, so that the daemon's error about a timeout arrives.
	AnswerMargin = 5 * time.Second
)

// HistoryQuery selects entries of the history. A zero field selects all.
type HistoryQuery struct {
	Binding, Instance string
	Since             time.Time
	Limit             int
}

// Attestation is a person's statement that the steps of a binding are done.
type Attestation struct {
	Binding string `json:"binding"`
	// By is who says so. It is not verified: everyone who may open the socket
	// is trusted.
	By string `json:"by"`
	// Instance is needed only if one binding's name has pending steps on
	// several instances.
	Instance string `json:"instance,omitempty"`
}

// Attested is what an Attestation wrote.
type Attested struct {
	Message string `json:"message"`
	// ID and Args are the message as data; an earlier daemon sends none.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
}

// ConfigurationCurrent is the daemon's condition that it uses the configuration
// that it read last. It is false if that one was rejected and the previous one
// stays in force.
const ConfigurationCurrent binding.ConditionType = "ConfigurationCurrent"

// JournalIntact is the daemon's condition that what it remembers can be trusted.
// While it is false, nothing is changed.
const JournalIntact binding.ConditionType = "JournalIntact"

// SourceVerified is the daemon's condition that the commit in force was verified
// (source.git.verify). It is false while a newer one is rejected.
const SourceVerified binding.ConditionType = "SourceVerified"

// AcceptRequest lets the daemon continue although its journal is damaged.
type AcceptRequest struct {
	// By is who accepts the damage. It is not verified; the user at the other end
	// of the socket is.
	By string `json:"by"`
	// Entry is where the damage begins that is accepted; 0 accepts any.
	Entry uint64 `json:"entry,omitempty"`
}

// Daemon is what a daemon says about itself.
type Daemon struct {
	Conditions []report.ConditionObject `json:"conditions"`
	// Instances are the names of the instances in its configuration.
	Instances []string `json:"instances,omitempty"`
	// ConfigurationDigest is the config.Digest of the file that it uses, so that a
	// client that reads the same file does not have to check it again. It is
	// absent if the configuration's validity also depends on other files.
	ConfigurationDigest string `json:"configurationDigest,omitempty"`
	report.Problems
}

// Scope says what a request is about: a binding, on one instance or on all; an
// instance, if no binding is named; or everything.
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

// ResumeRequest asks to end a suspension that a SuspendRequest began.
type ResumeRequest struct {
	Scope
	Reason string `json:"reason,omitempty"`
	By     string `json:"by"`
}

// SyncRequest asks for a sync at once.
type SyncRequest struct {
	// Binding is the binding to sync; empty for all, and then the source is
	// read again too.
	Binding string `json:"binding,omitempty"`
	// Instance is the instance to sync; empty for all.
	Instance string `json:"instance,omitempty"`
	// By is who asks. It is not verified; the user at the other end of the socket
	// is.
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	// BreakGlass asks for changes outside of an instance's windows.
	BreakGlass bool `json:"breakGlass,omitempty"`
	// NoWait asks for an answer at once, without waiting for the sync.
	NoWait bool `json:"noWait,omitempty"`
}

// Memory is what a plan made outside of the daemon needs of the daemon's memory.
// It holds no secret.
type Memory struct {
	// Records are what was applied last. Intents are writes whose effect is not
	// confirmed.
	Records []binding.Record `json:"records"`
	Intents []binding.Intent `json:"intents"`
	// RetryStates are the retry states of the bindings.
	RetryStates []binding.RetryState `json:"efforts,omitempty"`
	// Suspensions are those that people asked for.
	Suspensions []binding.Suspension `json:"suspensions,omitempty"`
	// Revision is the one that the next snapshot has to descend from; empty
	// before the first.
	Revision string `json:"revision,omitempty"`
	// Since is the value of source.git.verify.since when that revision was
	// accepted.
	Since string `json:"since,omitempty"`
}
