// Package registry has the contract for drivers of the registry. Each driver is
// a subpackage and implements Driver. Package sandbox simulates the registry.
package registry

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// AccountReader reads bindings. It has no side effects.
type AccountReader interface {
	// Capabilities says what the driver can do on this instance. The first call
	// may probe the instance; later ones usually answer from memory.
	Capabilities(ctx context.Context) (binding.Capabilities, error)
	// Account reads one platform's binding. Nil without an error means that
	// there certainly is none. Any doubt is an error: a *binding.Failure whose
	// Kind says how to treat it.
	Account(ctx context.Context, platform binding.Platform) (*binding.Account, error)
}

// RepositoryReader reads image repositories. It has no side effects.
type RepositoryReader interface {
	// Repository reads an image repository's source and build rules. Exists is
	// false if the registry answers REPO_NOT_EXIST or NAMESPACE_NOT_EXIST. Any
	// doubt is an error.
	Repository(ctx context.Context, image string) (binding.RepositoryState, error)
	// Usage counts what the instance has. An incomplete count is an error.
	Usage(ctx context.Context) (binding.Usage, error)
}

// Reader is all that observing may use, so that a plan that writes does not
// compile.
type Reader interface {
	AccountReader
	RepositoryReader
}

// AccountWriter changes bindings. No call may be repeated blindly: after an
// error of kind OutcomeUnknown, observe first.
type AccountWriter interface {
	// Bind binds the wanted account (Platform, Username, and Address except for
	// Codeup) with a token and returns the account in the registry, without an ID
	// if the registry does not show it yet. Bind does not keep the token after
	// the call.
	Bind(ctx context.Context, wanted binding.Account, token secrets.Secret) (binding.Account, error)
	// Unbind unbinds an account. NotFound means that it is already unbound.
	Unbind(ctx context.Context, account binding.Account) error
}

// RepositoryWriter changes image repositories' sources.
type RepositoryWriter interface {
	// Link sets the source of an existing image repository. It replaces an
	// earlier one, and may be repeated.
	Link(ctx context.Context, image string, link binding.Link) error
	// Unlink removes the source. It may be repeated.
	Unlink(ctx context.Context, image string) error
}

// RepositoryMaker creates image repositories. Nothing ever removes them.
type RepositoryMaker interface {
	// CreateNamespace creates a namespace. An existing one is not an error.
	CreateNamespace(ctx context.Context, namespace string) error
	// CreateRepository creates an image repository with its source. It does not
	// change an existing one: then the failure is binding.AlreadyExists.
	CreateRepository(ctx context.Context, image string, as binding.Creation, link binding.Link) error
}

// RuleWriter changes build rules.
type RuleWriter interface {
	// AddRule may not be repeated blindly, because that would add a second rule.
	AddRule(ctx context.Context, image string, rule binding.BuildRule) (binding.ObservedRule, error)
	// ChangeRule writes the rule with the given ID. It may be repeated.
	ChangeRule(ctx context.Context, image string, rule binding.ObservedRule) error
	// RemoveRule removes the rule with the given ID. NotFound means that it was
	// already removed.
	RemoveRule(ctx context.Context, image, id string) error
}

// Writer is all that applying may use.
type Writer interface {
	AccountWriter
	RepositoryWriter
	RepositoryMaker
	RuleWriter
}

// Driver is a complete registry driver for one instance. It is safe for
// concurrent use. Every call waits for the instance's rate limiter, respects
// ctx and has its own time limit.
type Driver interface {
	Reader
	Writer
}
