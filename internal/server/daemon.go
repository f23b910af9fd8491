package server

import (
	"context"
	"net/http"

	"reconciler/internal/binding"
)

const daemonPath = "/v1alpha1/daemon"

// ConfigurationCurrent is the daemon's condition that it works by the
// configuration that it read last. It is false while one was refused and the
// one before stays in force.
const ConfigurationCurrent binding.ConditionType = "ConfigurationCurrent"

// Daemon is what a daemon says of itself.
type Daemon struct {
	Conditions []binding.Condition `json:"conditions"`
}

// Daemon asks what the daemon says of itself.
func (c *Client) Daemon(ctx context.Context) (Daemon, error) {
	var d Daemon
	return d, c.get(ctx, daemonPath, &d)
}

func (s *Server) daemon(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, Daemon{Conditions: s.opts.Conditions()})
}
