package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/client"
)

// publisher is a Publisher that says what a test sets.
type publisher struct {
	text string
	err  error
}

func (s publisher) Publish(context.Context) ([]byte, error) { return []byte(s.text), s.err }

func TestTheSnapshotIsServedOnTheSocketOnly(t *testing.T) {
	for _, tt := range []struct {
		name      string
		publisher publisher
		want      string
	}{
		{"one", publisher{text: `{"kind":"Snapshot"}`}, ""},
		{"none now", publisher{err: errors.New("state: closed")}, "503 Service Unavailable: state: closed"},
	} {
		dir, err := os.MkdirTemp("", "srv")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket := filepath.Join(dir, "s.sock")
		s, err := Listen(t.Context(), Options{
			Listen: "127.0.0.1:0", Socket: socket, State: fakeState{}, Publisher: tt.publisher,
			Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Serve()
		t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
		got, err := client.New(socket).Published(t.Context())
		if tt.want == "" && (err != nil || string(got) != tt.publisher.text) {
			t.Errorf("%s: got %q, %v", tt.name, got, err)
		}
		if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if code, _ := get(t, "http://"+s.Address()+client.SnapshotPath); code != http.StatusNotFound {
			t.Errorf("%s: on the port: %d", tt.name, code)
		}
	}
	_, deaf := start(t, fakeState{})
	if _, err := client.New(deaf).Published(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a server that publishes nothing: %v", err)
	}
}
