package server

import (
	"net/http"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

func (s *Server) daemon(w http.ResponseWriter, _ *http.Request) {
	d := client.Daemon{Conditions: report.ConditionObjects(s.opts.Conditions())}
	if s.opts.Instances != nil {
		d.Instances = s.opts.Instances()
	}
	if s.opts.ConfigurationDigest != nil {
		d.ConfigurationDigest = s.opts.ConfigurationDigest()
	}
	if s.opts.Problems != nil {
		d.Problems = s.opts.Problems()
	}
	s.answer(w, d)
}
