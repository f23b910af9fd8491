package server

import (
	"net/http"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

func (s *Server) daemon(w http.ResponseWriter, _ *http.Request) {
	s.answer(w, client.Daemon{Conditions: report.ConditionObjects(s.opts.Conditions())})
}
