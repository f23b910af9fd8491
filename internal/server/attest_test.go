package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/client"
	"reconciler/internal/message"
)

// recordingAttester is an Attester that keeps what it was asked.
type recordingAttester struct {
	words []client.Attestation
	err   error
}

func (a *recordingAttester) Attest(_ context.Context, _ Caller, attestation client.Attestation) (message.Message, error) {
	a.words = append(a.words, attestation)
	return message.Verbatim("it is written"), a.err
}

// listening starts a server that takes a person's word on its socket.
func listening(t *testing.T, attester Attester) (*Server, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "srv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s.sock")
	s, err := Listen(t.Context(), Options{
		Listen: "127.0.0.1:0", Socket: socket, State: fakeState{}, Attester: attester,
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s, socket
}

func TestAWordIsTakenOverTheSocket(t *testing.T) {
	attestation := client.Attestation{Binding: "payments-gitlab", By: "Ada", Instance: "prod"}
	attester := new(recordingAttester)
	_, socket := listening(t, attester)
	answer, err := client.New(socket).Attest(t.Context(), attestation)
	if err != nil || message.English(answer) != "it is written" {
		t.Fatalf("got %q, %v", answer, err)
	}
	if diff := cmp.Diff([]client.Attestation{attestation}, attester.words); diff != "" {
		t.Error(diff)
	}
	attester.err = errors.New("attest: no binding is called payments-gitlab")
	if answer, err := client.New(socket).Attest(t.Context(), attestation); err == nil || err.Error() != attester.err.Error() || !answer.IsZero() {
		t.Errorf("refused: got %q, %v, want the daemon's own words", answer, err)
	}
}

func TestAWordIsNotTakenOtherwise(t *testing.T) {
	attester := new(recordingAttester)
	s, socket := listening(t, attester)
	_, deaf := start(t, fakeState{})
	port := http.Client{}
	unix := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for _, tt := range []struct {
		name         string
		client       http.Client
		method, host string
		body         string
		want         int
	}{
		{"over the port", port, http.MethodPost, s.Address(), `{"binding":"a","by":"b"}`, http.StatusNotFound},
		{"by GET", unix, http.MethodGet, "daemon", ``, http.StatusMethodNotAllowed},
		{"not JSON", unix, http.MethodPost, "daemon", `binding=a`, http.StatusBadRequest},
		{"an unknown field", unix, http.MethodPost, "daemon", `{"binding":"a","by":"b","force":true}`, http.StatusBadRequest},
		{"without end", unix, http.MethodPost, "daemon", `{"binding":"` + strings.Repeat("a", maxCommand) + `"}`, http.StatusBadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+tt.host+client.AttestPath, strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tt.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tt.want || len(attester.words) > 0 {
				t.Errorf("got %d, want %d; taken: %v", resp.StatusCode, tt.want, attester.words)
			}
		})
	}
	if _, err := client.New(deaf).Attest(t.Context(), client.Attestation{}); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a server that takes nobody's word: %v", err)
	}
	if _, err := client.New(filepath.Join(t.TempDir(), "none.sock")).Attest(t.Context(), client.Attestation{}); !errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("no socket: got %v, want ErrNoDaemon", err)
	}
}
