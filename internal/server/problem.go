package server

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"

	"reconciler/internal/client"
	"reconciler/internal/message"
)

// refuse answers with an error, without secrets: as a client.Problem if the
// request accepts JSON, and as text otherwise.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error, status int) {
	redact := s.opts.Redact
	if redact == nil {
		redact = func(text string) string { return text }
	}
	p := client.Problem{Title: http.StatusText(status), Status: status, Detail: redact(err.Error())}
	if !accepts(r, "application/json", client.ProblemType) {
		http.Error(w, p.Detail, status)
		return
	}
	if m := message.FromError(err); m.ID != message.VerbatimID {
		p.Code, p.Args = m.ID, m.Map(redact).Args
	}
	w.Header().Set("Content-Type", client.ProblemType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		s.opts.Log.Debug("cannot send an answer", "err", err)
	}
}

// accepts reports whether the request accepts one of these types explicitly.
// curl without options and earlier versions of the command line do not.
func accepts(r *http.Request, types ...string) bool {
	accepted := strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",")
	return slices.ContainsFunc(accepted, func(one string) bool {
		kind, _, err := mime.ParseMediaType(one)
		return err == nil && slices.Contains(types, kind)
	})
}
