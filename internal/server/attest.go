package server

import (
	"context"
	"net/http"
	"time"
)

const (
	attestPath = "/v1alpha1/attest"
	// attestTimeout bounds the wait for a sync that is under way.
	attestTimeout = 25 * time.Second
)

// Attestation is a person's word that the steps of a binding are done.
type Attestation struct {
	Binding string `json:"binding"`
	// By is who says so. It is not proven: whoever may open the socket is
	// believed.
	By string `json:"by"`
	// Instance is needed only where steps of several instances wait under one
	// binding's name.
	Instance string `json:"instance,omitempty"`
}

// Attester takes a person's word. It is safe for concurrent use.
type Attester interface {
	// Attest writes the word down and says what was written. An error says why
	// it is not taken.
	Attest(ctx context.Context, who Caller, word Attestation) (string, error)
}

type attestAnswer struct {
	Message string `json:"message"`
}

func (s *Server) attest() http.HandlerFunc {
	return command(s, attestTimeout, func(ctx context.Context, who Caller, word Attestation) (attestAnswer, error) {
		message, err := s.opts.Attester.Attest(ctx, who, word)
		return attestAnswer{message}, err
	})
}

// Attest gives a person's word to the daemon, and what that wrote. The error is
// the daemon's own where it does not take it, and ErrNoDaemon where nothing
// listens on the socket.
func (c *Client) Attest(ctx context.Context, word Attestation) (string, error) {
	var answer attestAnswer
	err := c.post(ctx, attestPath, word, &answer, attestTimeout)
	return answer.Message, err
}
