package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"reconciler/internal/client"
	"reconciler/internal/message"
)

// maxCommand bounds the body of a request, in bytes.
const maxCommand = 4 << 10

// command is the handler of a request that changes something: its body is one
// JSON object of the type In and nothing else, and do has the time limit for
// it. What do does not take is answered with 409 and the error's words.
func command[In, Out any](s *Server, limit time.Duration, do func(context.Context, Caller, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := decode(http.MaxBytesReader(w, r.Body, maxCommand), &in); err != nil {
			s.refuse(w, r, message.NewError("server.not-understood", "why", err), http.StatusBadRequest)
			return
		}
		ctx, cancel := s.patient(w, r, limit)
		defer cancel()
		out, err := do(ctx, callerOf(r.Context()), in)
		if err != nil {
			s.refuse(w, r, err, http.StatusConflict)
			return
		}
		s.answer(w, out)
	}
}

// decode reads one JSON object into out: no field that out does not have, and
// nothing behind it.
func decode(body io.Reader, out any) error {
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(out); err != nil {
		return message.NewError("server.want-object", "why", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return message.NewError("server.only-object")
	}
	return nil
}

// patient allows an answer to take up to limit, instead of the server's own
// time limits. The context also ends with the server.
func (s *Server) patient(w http.ResponseWriter, r *http.Request, limit time.Duration) (context.Context, context.CancelFunc) {
	control, end := http.NewResponseController(w), time.Now().Add(limit+client.AnswerMargin)
	// Where the connection has no deadlines, the server's own ones do not hold
	// either.
	_ = control.SetReadDeadline(end)
	_ = control.SetWriteDeadline(end)
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}
