package server

import (
	"context"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

// Syncer syncs when a person asks. It is safe for concurrent use.
type Syncer interface {
	// Sync wakes what keeps the instances as declared, and waits until that has
	// synced, unless the request says not to. An error says why nothing was
	// begun, or that the wait was over before the sync was.
	Sync(ctx context.Context, who Caller, request client.SyncRequest) (report.SyncResult, error)
}
