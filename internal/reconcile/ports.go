package reconcile

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// AccountReader observes bindings; see registry.AccountReader.
type AccountReader interface {
	Capabilities(ctx context.Context) (binding.Capabilities, error)
	Account(ctx context.Context, platform binding.Platform) (*binding.Account, error)
}

// RepositoryReader observes image repositories; see registry.RepositoryReader.
type RepositoryReader interface {
	Repository(ctx context.Context, image string) (binding.RepositoryState, error)
}

// Reader is all of the registry that observing may use: it cannot write.
type Reader interface {
	AccountReader
	RepositoryReader
}

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
	Reader
	AccountWriter
	RepositoryWriter
	RuleWriter
}

// Host asks one code host; every providers.Provider is one.
type Host interface {
	CheckToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret) binding.TokenReport
	CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) []binding.Answer
	CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState
}

// Site asks whether a code host's site itself is as the product needs it, from
// the internet's side. Its questions begin with "site-".
type Site interface {
	Check(ctx context.Context, address string) []binding.Answer
}

// TokenReader reads the secret store. An error is a *binding.Failure; NotFound
// is said only when the store said with certainty that there is no such
// secret, version or key.
type TokenReader interface {
	// Metadata tells of a secret without reading its value.
	Metadata(ctx context.Context, ref secrets.Ref) (secrets.Metadata, error)
	// Read gives the value, which the caller wipes.
	Read(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error)
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
	AppendEvent(ctx context.Context, event binding.Event) error
}

// Store is the daemon's memory. A write is durable when its method returns.
type Store interface {
	RecordStore
	IntentStore
	EffortStore
	SuspensionStore
	History
}
