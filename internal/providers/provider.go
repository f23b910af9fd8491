// Package providers has the contract for code hosts, and the guarded HTTP
// client that they use. Each code host is a subpackage; a conformance suite
// checks each against this contract.
package providers

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// Provider checks accounts, tokens and projects on one code host. Every method
// is read-only, safe for concurrent use, limited in time and size, and answers
// yes, no or unknown: a network error, an inconclusive 403, a 429 or a 5xx is
// an unknown with a reason, never a no. Secrets are used only during the call
// and not kept.
type Provider interface {
	// CheckToken checks whether the token is valid, who owns it and what it may
	// do. account has the declared Username and Address. sources are the
	// declared projects' paths, because some permissions can only be verified
	// on a project. For a host that is bound by OAuth, the report is empty.
	CheckToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret) binding.TokenReport
	// CheckAccount checks whether the account exists, is of a kind that can be
	// bound, and still has the number account.UserID. token may be zero, for an
	// anonymous request. For a host that is bound with a token, the report is
	// empty.
	CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport
	// CheckProject checks whether the project exists and where it is. token may
	// be zero, for an anonymous request.
	CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState
}
