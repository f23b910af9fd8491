package observe

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// Host asks one code host; every providers.Provider is one.
type Host interface {
	CheckToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret) binding.TokenReport
	CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport
	CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState
}

// Site checks whether a code host's site meets the product's requirements, as
// seen from the internet. Its questions begin with "site-".
type Site interface {
	Check(ctx context.Context, address string) []binding.Answer
}

// TokenReader reads the secret store. An error is a *binding.Failure. NotFound
// is only for a certain answer of the store that there is no such secret,
// version or key.
type TokenReader interface {
	// Metadata describes a secret without reading its value.
	Metadata(ctx context.Context, ref secrets.Ref) (secrets.Metadata, error)
	// Read returns the value, which the caller wipes.
	Read(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error)
}
