package server

import (
	"context"
	"net/http"
	"time"

	"reconciler/internal/report"
)

const (
	syncPath = "/v1alpha1/sync"
	// syncTimeout bounds the wait for a sync to end. One that takes longer goes
	// on without the one who asked.
	syncTimeout = 10 * time.Minute
)

// SyncRequest asks for a sync at once.
type SyncRequest struct {
	// Binding is the one meant; empty for all, and then the source is looked
	// at anew too.
	Binding string `json:"binding,omitempty"`
	// Instance is the only one meant; empty for all.
	Instance string `json:"instance,omitempty"`
	// By is who asks. It is not proven, as Caller is.
	By     string `json:"by"`
	Reason string `json:"reason,omitempty"`
	// BreakGlass asks for changes outside of an instance's windows.
	BreakGlass bool `json:"breakGlass,omitempty"`
	// NoWait asks for an answer as soon as the sync is asked for.
	NoWait bool `json:"noWait,omitempty"`
}

// Syncer syncs when a person asks. It is safe for concurrent use.
type Syncer interface {
	// Sync wakes what keeps the instances as declared, and waits until that has
	// synced, unless the request says not to. An error says why nothing was
	// begun, or that the wait was over before the sync was.
	Sync(ctx context.Context, who Caller, request SyncRequest) (report.SyncResult, error)
}

func (s *Server) sync() http.HandlerFunc {
	return command(s, syncTimeout, s.opts.Syncer.Sync)
}

// Sync asks the daemon for a sync and, unless the request says not to, waits
// for it to end. The error is the daemon's own where it does not do it, and
// ErrNoDaemon where nothing listens on the socket.
func (c *Client) Sync(ctx context.Context, request SyncRequest) (report.SyncResult, error) {
	var result report.SyncResult
	err := c.post(ctx, syncPath, request, &result, syncTimeout)
	return result, err
}
