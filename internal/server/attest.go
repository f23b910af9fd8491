package server

import (
	"context"
	"net/http"

	"reconciler/internal/client"
	"reconciler/internal/message"
)

// Attester takes a person's word. It is safe for concurrent use.
type Attester interface {
	// Attest writes the word down and says what was written. An error says why
	// it is not taken.
	Attest(ctx context.Context, who Caller, word client.Attestation) (message.Message, error)
}

func (s *Server) attest() http.HandlerFunc {
	return command(s, client.AttestTimeout, func(ctx context.Context, who Caller, word client.Attestation) (client.Attested, error) {
		written, err := s.opts.Attester.Attest(ctx, who, word)
		return client.Attested{Message: message.English(written), ID: written.ID, Args: written.Args}, err
	})
}
