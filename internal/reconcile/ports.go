package reconcile

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/observe"
	"reconciler/internal/secrets"
)

// AccountWriter changes bindings; see registry.AccountWriter.
type AccountWriter interface {
	Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error)
	Unbind(ctx context.Context, account binding.Account) error
}

// RepositoryWriter changes image repositories' sources; see
// registry.RepositoryWriter.
type RepositoryWriter interface {
	Link(ctx context.Context, image string, link binding.Link) error
	Unlink(ctx context.Context, image string) error
}

// RuleWriter changes build rules; see registry.RuleWriter.
type RuleWriter interface {
	AddRule(ctx context.Context, image string, rule binding.BuildRule) (binding.ObservedRule, error)
	ChangeRule(ctx context.Context, image string, rule binding.ObservedRule) error
	RemoveRule(ctx context.Context, image, id string) error
}

// Registry is the registry of one instance; every registry.Driver is one.
type Registry interface {
	observe.Reader
	AccountWriter
	RepositoryWriter
	RuleWriter
}

// RecordStore keeps what was applied last, one record for each binding and
// platform.
type RecordStore interface {
	Records(ctx context.Context, instance string) ([]binding.Record, error)
	PutRecord(ctx context.Context, record binding.Record) error
	DeleteRecord(ctx context.Context, record binding.Record) error
}

// IntentStore keeps the calls that were begun and whose outcome is not known,
// one for each binding, platform and object.
type IntentStore interface {
	Intents(ctx context.Context, instance string) ([]binding.Intent, error)
	PutIntent(ctx context.Context, intent binding.Intent) error
	DeleteIntent(ctx context.Context, intent binding.Intent) error
}

// EffortStore keeps what is remembered of the trouble that bindings make, one
// effort for each.
type EffortStore interface {
	Efforts(ctx context.Context, instance string) ([]binding.Effort, error)
	PutEffort(ctx context.Context, effort binding.Effort) error
	DeleteEffort(ctx context.Context, effort binding.Effort) error
}

// SuspensionStore keeps what persons hold still.
type SuspensionStore interface {
	Suspensions(ctx context.Context, instance string) ([]binding.Suspension, error)
	DeleteSuspension(ctx context.Context, suspension binding.Suspension) error
}

// History keeps what was done.
type History interface {
	AppendEvent(ctx context.Context, event binding.HistoryEntry) error
}

// Store is the daemon's memory. A write is durable when its method returns.
type Store interface {
	RecordStore
	IntentStore
	EffortStore
	SuspensionStore
	History
}
