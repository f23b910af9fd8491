package server

import (
	"context"
	"net/http"

	"reconciler/internal/client"
)

// Publisher publishes what was observed. It is safe for concurrent use.
type Publisher interface {
	// Publish gives an object of kind Snapshot (see report.Published), as JSON. It
	// holds no secret.
	Publish(ctx context.Context) ([]byte, error)
}

func (s *Server) published(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), client.SnapshotTimeout)
	defer cancel()
	text, err := s.opts.Publisher.Publish(ctx)
	if err != nil {
		s.refuse(w, r, err, http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if _, err := w.Write(text); err != nil {
		s.opts.Log.Debug("answer not delivered", "err", err)
	}
}
