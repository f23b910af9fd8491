package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// SnapshotPath is where the daemon serves what it published last.
const SnapshotPath = "/v1alpha1/snapshot"

// snapshotTimeout bounds the making of a snapshot, which may have to wait for a
// sync that is under way. It is less than the time that an answer may take.
const snapshotTimeout = 25 * time.Second

// Snapshots makes what is published. It is safe for concurrent use.
type Snapshots interface {
	// Snapshot is an object of kind Snapshot (see package report), as JSON. It
	// holds no secret.
	Snapshot(ctx context.Context) ([]byte, error)
}

func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), snapshotTimeout)
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

// Snapshot is what the daemon publishes, as it sent it.
func (c *Client) Snapshot(ctx context.Context) ([]byte, error) {
	var text json.RawMessage
	err := c.call(ctx, http.MethodGet, SnapshotPath, nil, &text, snapshotTimeout+answerMargin)
	return text, err
}
