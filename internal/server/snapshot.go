package server

import (
	"context"
	"net/http"

	"reconciler/internal/client"
)

// Snapshots makes what is published. It is safe for concurrent use.
type Snapshots interface {
	// Snapshot is an object of kind Snapshot (see package report), as JSON. It
	// holds no secret.
	Snapshot(ctx context.Context) ([]byte, error)
}

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), client.SnapshotTimeout)
	defer cancel()
	text, err := s.opts.Snapshots.Snapshot(ctx)
	if err != nil {
		s.refuse(w, err, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(text); err != nil {
		s.opts.Log.Debug("answer not delivered", "err", err)
	}
}
