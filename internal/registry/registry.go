// Package registry is the contract with the registry's API. A driver is a
// package below and implements Driver. The sandbox plays the registry.
package registry

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// AccountReader observes bindings. It has no side effects.
type AccountReader interface {
	// Capabilities says what the driver can do on this instance. The first
	// call may probe; later ones answer from memory.
	Capabilities(ctx context.Context) (binding.Capabilities, error)
	// Account asks for one platform's binding; nil and no error mean that the
	// registry said with certainty that there is none. Any doubt is an error:
	// a *binding.Failure whose Kind says how to treat it.
	Account(ctx context.Context, platform binding.Platform) (*binding.Account, error)
}

// RepositoryReader observes image repositories. It has no side effects.
type RepositoryReader interface {
	// Repository asks for an image repository's source and build rules.
	// Exists is false when the registry answered REPO_NOT_EXIST or
	// NAMESPACE_NOT_EXIST; any doubt is an error.
	Repository(ctx context.Context, image string) (binding.RepositoryState, error)
	// Usage counts what the instance has. A part of a count is an error.
	Usage(ctx context.Context) (binding.Usage, error)
}

// Reader is all that observing may use: a write in a plan cannot compile.
type Reader interface {
	AccountReader
	RepositoryReader
}

// AccountWriter changes bindings. Neither call may be repeated blindly: an
// error of kind OutcomeUnknown is answered by observing.
type AccountWriter interface {
	// Bind binds the wanted account (Platform, Username, and Address except for
	// Codeup) with a token and returns it as the registry has it; without an ID
	// while the registry does not show it. Bind does not keep the token after the
	// call.
	Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error)
	// Unbind unbinds an account. NotFound means that it is already unbound.
	Unbind(ctx context.Context, account binding.Account) error
}

// RepositoryWriter changes image repositories' sources.
type RepositoryWriter interface {
	// Link sets the source of an existing image repository; it replaces an
	// earlier one and may be repeated.
	Link(ctx context.Context, image string, link binding.Link) error
	// Unlink removes the source; it may be repeated.
	Unlink(ctx context.Context, image string) error
}

// ErrExists marks the failure of a CreateRepository whose image repository exists
// already. It does not show who made it.
var ErrExists = message.NewError("registry.exists")

// RepositoryMaker makes image repositories. Nothing ever removes them.
type RepositoryMaker interface {
	// CreateNamespace makes a namespace; one that exists already is not an error.
	CreateNamespace(ctx context.Context, namespace string) error
	// CreateRepository makes an image repository with its source. What exists
	// already is not changed; the error then wraps ErrExists.
	CreateRepository(ctx context.Context, image string, as binding.Creation, link binding.Link) error
}

// RuleWriter changes build rules.
type RuleWriter interface {
	// AddRule may not be repeated blindly: it would make a second rule.
	AddRule(ctx context.Context, image string, rule binding.BuildRule) (binding.ObservedRule, error)
	// ChangeRule writes the rule with the given id; it may be repeated.
	ChangeRule(ctx context.Context, image string, rule binding.ObservedRule) error
	// RemoveRule removes the rule with the given id. NotFound means it is gone
	// already.
	RemoveRule(ctx context.Context, image, id string) error
}

// Writer is all that applying may use.
type Writer interface {
	AccountWriter
	RepositoryWriter
	RepositoryMaker
	RuleWriter
}

// Driver is a whole registry driver for one instance. It is safe for
// concurrent use. Every call takes the instance's rate limiter, honours ctx
// and has a time limit of its own.
type Driver interface {
	Reader
	Writer
}
