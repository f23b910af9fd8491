package server

import (
	"net/http"

	"reconciler/internal/client"
)

func (s *Server) daemon(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, client.Daemon{Conditions: s.opts.Conditions()})
}
