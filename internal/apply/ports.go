package apply

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
)

// Registry is what applying may do to the registry.
type Registry = registry.Writer

// Host is asked right before a write whether it may be made.
type Host interface {
	CheckToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret) binding.TokenReport
	CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState
}

// TokenReader reads a token, which the caller wipes.
type TokenReader interface {
	Read(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error)
}

// Observer makes observations, one for each list of declarations.
type Observer interface {
	ObserveEach(ctx context.Context, declared [][]binding.Declaration, targets []binding.SecretTargets, records []binding.Record, depth binding.Depth) []binding.Observation
}

// RecordStore keeps what was applied last, one record for each binding and
// platform.
type RecordStore interface {
	Records(ctx context.Context, instance string) ([]binding.Record, error)
	PutRecord(ctx context.Context, record binding.Record) error
	DeleteRecord(ctx context.Context, record binding.Record) error
}

// IntentStore keeps the calls that were begun and whose outcome is unknown, one for
// each binding, platform and object.
type IntentStore interface {
	Intents(ctx context.Context, instance string) ([]binding.Intent, error)
	PutIntent(ctx context.Context, intent binding.Intent) error
	DeleteIntent(ctx context.Context, intent binding.Intent) error
}

// RetryStateStore keeps the retry states of bindings, one for each.
type RetryStateStore interface {
	RetryStates(ctx context.Context, instance string) ([]binding.RetryState, error)
	// PutRetryState keeps states. After an error some of them may be kept.
	PutRetryState(ctx context.Context, states ...binding.RetryState) error
	DeleteRetryState(ctx context.Context, state binding.RetryState) error
}

// History keeps what was done.
type History interface {
	AppendEvent(ctx context.Context, events ...binding.HistoryEntry) error
}

// Store is what is remembered. A write is durable when its method returns.
type Store interface {
	RecordStore
	IntentStore
	RetryStateStore
	History
	// Reserve returns nil if there is certainly space for the entries of one more
	// write and its outcome.
	Reserve(ctx context.Context) error
}
