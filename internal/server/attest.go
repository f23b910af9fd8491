package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	attestPath = "/v1alpha1/attest"
	// maxAttestation bounds the request, in bytes.
	maxAttestation = 4 << 10
	// attestTimeout bounds the wait for a sync that is under way. It is less
	// than the time that an answer may take, so that what is refused for it is
	// told.
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
	Attest(ctx context.Context, word Attestation) (string, error)
}

type attestAnswer struct {
	Message string `json:"message"`
}

// attest answers on the socket only: the port is open to more than the daemon's
// user.
func (s *Server) attest(w http.ResponseWriter, r *http.Request) {
	var word Attestation
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAttestation))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&word); err != nil {
		http.Error(w, "attest: the request is not understood: "+err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), attestTimeout)
	defer cancel()
	message, err := s.opts.Attester.Attest(ctx, word)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	s.answer(w, attestAnswer{message})
}

// Attest gives a person's word to the daemon, and what that wrote. The error is
// the daemon's own where it does not take it, and ErrNoDaemon where nothing
// listens on the socket.
func (c *Client) Attest(ctx context.Context, word Attestation) (string, error) {
	body, err := json.Marshal(word)
	if err != nil {
		return "", fmt.Errorf("daemon: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://daemon"+attestPath, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("daemon: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	patient := c.http
	patient.Timeout = attestTimeout + 5*time.Second
	resp, err := patient.Do(req)
	if err != nil {
		return "", c.unreached(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", fmt.Errorf("daemon on socket %s: %w", c.socket, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusConflict:
		return "", errors.New(strings.TrimSpace(string(text)))
	default:
		return "", fmt.Errorf("daemon on socket %s: %s: %s", c.socket, resp.Status, strings.TrimSpace(string(text)))
	}
	var answer attestAnswer
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", fmt.Errorf("daemon on socket %s: answer to %s: %w", c.socket, attestPath, err)
	}
	return answer.Message, nil
}
