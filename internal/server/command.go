package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// Attester records attestations. It is safe for concurrent use.
type Attester interface {
	// Attest records an attestation and returns what was recorded. An error
	// says why it was rejected.
	Attest(ctx context.Context, who Caller, attestation client.Attestation) (message.Message, error)
}

func (s *Server) attest() http.HandlerFunc {
	return command(s, client.AttestTimeout, func(ctx context.Context, who Caller, attestation client.Attestation) (client.Attested, error) {
		written, err := s.opts.Attester.Attest(ctx, who, attestation)
		return client.Attested{Message: message.English(written), ID: written.ID, Args: written.Args}, err
	})
}

// Syncer syncs on request. It is safe for concurrent use.
type Syncer interface {
	// Sync wakes the loops and waits for their syncs to end, unless the request
	// says not to. An error says why no sync began, or that the wait ended
	// before the sync.
	Sync(ctx context.Context, who Caller, request client.SyncRequest) (report.SyncResult, error)
}

// Suspender suspends and resumes. It is safe for concurrent use.
type Suspender interface {
	// Suspend suspends, and waits for running syncs to end. An error says why
	// nothing was suspended.
	Suspend(ctx context.Context, who Caller, request client.SuspendRequest) (report.SuspensionList, error)
	// Resume ends suspensions. An error says why none was ended.
	Resume(ctx context.Context, who Caller, request client.ResumeRequest) (report.SuspensionList, error)
}

// Acceptor accepts a damaged journal. It is safe for concurrent use.
type Acceptor interface {
	// AcceptJournal continues although the journal is damaged, and returns where it
	// was. An error says why not.
	AcceptJournal(ctx context.Context, who Caller, request client.AcceptRequest) (binding.JournalDamage, error)
}

// maxCommand limits the body of a request, in bytes.
const maxCommand = 4 << 10

// command is the handler of a request that changes something. The body must be
// exactly one JSON object of the type In, and do runs with the time limit. An
// error of do is answered with 409 and its message.
func command[In, Out any](s *Server, limit time.Duration, do func(context.Context, Caller, In) (Out, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := decode(http.MaxBytesReader(w, r.Body, maxCommand), &in); err != nil {
			s.refuse(w, r, message.NewError("server.not-understood", "why", err), http.StatusBadRequest)
			return
		}
		ctx, cancel := s.withDeadline(w, r, limit)
		defer cancel()
		out, err := do(ctx, callerOf(r.Context()), in)
		if err != nil {
			s.refuse(w, r, err, http.StatusConflict)
			return
		}
		s.answer(w, out)
	}
}

// decode decodes exactly one JSON object into out. Unknown fields, and anything
// after the object, are errors.
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

// withDeadline allows an answer to take up to limit, instead of the server's usual
// time limits. The context also ends with the server.
func (s *Server) withDeadline(w http.ResponseWriter, r *http.Request, limit time.Duration) (context.Context, context.CancelFunc) {
	control, end := http.NewResponseController(w), time.Now().Add(limit+client.AnswerMargin)
	// If the connection does not support deadlines, the server's usual ones do
	// not apply either.
	_ = control.SetReadDeadline(end)
	_ = control.SetWriteDeadline(end)
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	stop := context.AfterFunc(s.closing, cancel)
	return ctx, func() { stop(); cancel() }
}
