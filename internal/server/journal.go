package server

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/client"
)

// Acceptor accepts a damaged journal. It is safe for concurrent use.
type Acceptor interface {
	// AcceptJournal continues although the journal is damaged, and returns where it
	// was. An error says why not.
	AcceptJournal(ctx context.Context, who Caller, request client.AcceptRequest) (binding.JournalDamage, error)
}
