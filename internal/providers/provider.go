// Package providers is the contract with the code hosts and the guarded HTTP
// client under them. A host lives in a folder below; a conformance suite holds
// each to this contract.
package providers

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/secrets"
)

// Provider asks one code host. Every method is read-only, safe for concurrent
// use, bounded in time and size, and answers yes, no or unknown: an error of
// the network, a 403 that is no verdict, a 429 or 5xx is an unknown with its
// reason, never a no. Secrets are used for the length of the call and not
// kept.
type Provider interface {
	// CheckToken asks whether the token is valid, whose it is and what it may.
	// account says the declared Username and Address; sources are the declared
	// projects' paths, for some permissions can only be proven on a project. A
	// host that is bound by OAuth gives an empty report.
	CheckToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret) binding.TokenReport
	// CheckAccount asks whether the account exists, is of a kind that can be bound,
	// and is still the one that account.UserID names. token may be zero, for an
	// anonymous question. A host that is bound by token gives an empty report.
	CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport
	// CheckProject asks whether the project exists and where it lives. token
	// may be zero, for an anonymous question.
	CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState
}
