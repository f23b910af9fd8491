package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/report"
)

// fakeState answers what a test sets.
type fakeState struct {
	statuses []binding.Status
	memory   client.Memory
	ready    error
	alive    error
	broken   error
}

func (f fakeState) EachStatus() iter.Seq[binding.Status] { return slices.Values(f.statuses) }
func (f fakeState) Ready() error                         { return f.ready }
func (f fakeState) Alive() error                         { return f.alive }
func (f fakeState) Memory(string) (client.Memory, error) {
	return f.memory, f.broken
}

func start(t *testing.T, state State) (*Server, string) {
	t.Helper()
	// A socket's path is limited to about 100 bytes, which t.TempDir can pass.
	dir, err := os.MkdirTemp("", "srv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s.sock")
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "reconciler_test_metric", Help: "x"}, func() float64 { return 7 }))
	s, err := Listen(t.Context(), Options{
		Listen: "127.0.0.1:0", Socket: socket, State: state, Metrics: metrics, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Serve()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s, socket
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestPublicPort(t *testing.T) {
	notReady, _ := start(t, fakeState{ready: errors.New("instance prod: not observed yet")})
	stuck, _ := start(t, fakeState{alive: errors.New("instance prod: nothing has moved for 16m0s")})
	ready, _ := start(t, fakeState{statuses: []binding.Status{{Name: "only-on-the-socket"}}})
	for _, tt := range []struct {
		name, url string
		code      int
		body      string
	}{
		{"alive before it is ready", "http://" + notReady.Address() + "/healthz", 200, "ok"},
		{"not alive says what stands still", "http://" + stuck.Address() + "/healthz", 503, "instance prod: nothing has moved"},
		{"not ready says what is missing", "http://" + notReady.Address() + "/readyz", 503, "instance prod: not observed yet"},
		{"ready", "http://" + ready.Address() + "/readyz", 200, "ok"},
		{"metrics", "http://" + ready.Address() + "/metrics", 200, "reconciler_test_metric 7"},
		{"bindings are not on the port", "http://" + ready.Address() + client.BindingsPath, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			code, body := get(t, tt.url)
			if code != tt.code || !strings.Contains(body, tt.body) {
				t.Errorf("got %d %q, want %d with %q", code, body, tt.code, tt.body)
			}
			if strings.Contains(body, "only-on-the-socket") {
				t.Error("the public port names a binding")
			}
		})
	}
}

func TestSocketGivesWhatTheDaemonHolds(t *testing.T) {
	statuses := []binding.Status{{
		Name: "payments-gitlab",
		Spec: binding.Spec{Instance: "prod", Platform: binding.GitLab, Repositories: []binding.Repository{}},
		Conditions: []binding.Condition{{
			Type: binding.Ready, Status: binding.True, Reason: "Converged",
			LastTransitionTime: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		}},
	}}
	memory := client.Memory{
		Records:  []binding.Record{{Instance: "prod", Binding: "payments-gitlab", TokenVersion: 3}},
		Intents:  []binding.Intent{{Instance: "prod", Binding: "payments-gitlab", Action: "bind", Object: binding.AccountObject()}},
		Revision: "abc",
	}
	_, socket := start(t, fakeState{statuses: statuses, memory: memory})
	daemon := client.New(socket)
	got, err := daemon.Bindings(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	date := cmp.Comparer(func(a, b binding.Date) bool { return a.String() == b.String() })
	if diff := cmp.Diff(statuses, got, date); diff != "" {
		t.Errorf("bindings (-want +got):\n%s", diff)
	}
	gotMemory, err := daemon.Memory(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(memory, gotMemory, date); diff != "" {
		t.Errorf("memory (-want +got):\n%s", diff)
	}
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("socket's mode is %o, want 600", mode)
	}
}

func TestRowsAreWhatATableShowsForEveryVersion(t *testing.T) {
	since := time.Date(2026, 11, 22, 0, 0, 0, 5, time.UTC)
	statuses := []binding.Status{{
		Name: "payments-gitlab", Spec: binding.Spec{Instance: "prod", Platform: binding.GitLab, Username: "ci", Address: "https://gitlab.example.com"},
		Conditions: []binding.Condition{
			{Type: binding.Ready, Status: binding.False, Reason: "Unbound", LastTransitionTime: since},
			{Type: binding.TokenValid, Status: binding.True, Reason: "Valid", LastTransitionTime: since},
		},
	}}
	want := []binding.Status{{
		Name: "payments-gitlab", Spec: binding.Spec{Instance: "prod", Platform: binding.GitLab, Username: "ci"}, Conditions: statuses[0].Conditions[:1],
	}}
	_, socket := start(t, fakeState{statuses: statuses})
	got, err := client.New(socket).Rows(t.Context())
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("rows: err %v (-want +got):\n%s", err, diff)
	}
	dialer := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	for _, tt := range []struct{ name, accept, path, kind string }{
		{"an earlier command line", "application/json, application/problem+json", client.BindingsPath + "?view=rows", "application/json"},
		{"curl", "", client.BindingsPath + "?view=rows", "application/json"},
		{"everything", "text/csv, application/json", client.BindingsPath, "application/json"},
		{"a spreadsheet", "text/html, text/csv;q=0.9", client.BindingsPath + "?view=rows", "text/csv; charset=utf-8; header=present"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemon"+tt.path, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			if tt.accept != "" {
				r.Header.Set("Accept", tt.accept)
			}
			resp, err := (&http.Client{Transport: dialer}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if kind := resp.Header.Get("Content-Type"); kind != tt.kind {
				t.Errorf("the answer is %s, want %s", kind, tt.kind)
			}
			dialer.CloseIdleConnections()
		})
	}
}

func TestRowsOfAnEarlierDaemon(t *testing.T) {
	statuses := []binding.Status{{Name: "pay", Conditions: []binding.Condition{{Type: binding.Ready, Status: binding.True, Reason: "AsDeclared"}}}}
	socket := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	earlier := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(report.StatusObjects(statuses))
	}))
	earlier.Listener = l
	earlier.Start()
	defer earlier.Close()
	got, err := client.New(socket).Rows(t.Context())
	if diff := cmp.Diff(statuses, got); err != nil || diff != "" {
		t.Errorf("rows: err %v (-want +got):\n%s", err, diff)
	}
}

func TestRowsThatEndTooEarlyAreNoAnswer(t *testing.T) {
	var state endingState
	_, socket := start(t, &state)
	if got, err := client.New(socket).Rows(t.Context()); err == nil {
		t.Errorf("got %d rows of a daemon that fails, want an error", len(got))
	}
}

// endingState fails after it gave some bindings.
type endingState struct{ fakeState }

func (endingState) EachStatus() iter.Seq[binding.Status] {
	return func(yield func(binding.Status) bool) {
		for range 5000 { // More than is kept back.
			if !yield(binding.Status{Name: "payments-gitlab"}) {
				return
			}
		}
		panic(http.ErrAbortHandler)
	}
}

func TestClientErrors(t *testing.T) {
	_, err := client.New(filepath.Join(t.TempDir(), "none.sock")).Bindings(t.Context())
	if !errors.Is(err, client.ErrNoDaemon) {
		t.Errorf("no socket: got %v, want ErrNoDaemon", err)
	}
	_, socket := start(t, fakeState{broken: errors.New("state file is closed")})
	_, err = client.New(socket).Memory(t.Context(), "prod")
	if err == nil || !strings.Contains(err.Error(), "state file is closed") {
		t.Errorf("daemon's error: got %v", err)
	}
}

func TestSocketInUseIsAnError(t *testing.T) {
	_, socket := start(t, fakeState{})
	_, err := Listen(t.Context(), Options{Socket: socket, State: fakeState{}, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "another daemon") {
		t.Errorf("got %v, want an error that names the other daemon", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	dir, err := os.MkdirTemp("", "srv")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s.sock")
	l, err := listenSocket(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	// A daemon that was killed leaves its socket behind.
	l.(interface{ SetUnlinkOnClose(bool) }).SetUnlinkOnClose(false)
	_ = l.Close()
	l, err = listenSocket(t.Context(), socket)
	if err != nil {
		t.Fatalf("stale socket: %v", err)
	}
	_ = l.Close()
}

func TestErrorsAreToldWithoutSecrets(t *testing.T) {
	const value = "made-up-value-of-a-token"
	bad := errors.New("the registry answered " + value)
	syncer := newSyncs()
	close(syncer.release)
	syncer.err = bad
	s := &Server{closing: t.Context(), opts: Options{
		State: fakeState{ready: bad, alive: bad, broken: bad}, Syncer: syncer, Publisher: noSnapshot{bad}, Describer: noAnswer{bad},
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
		Redact: func(text string) string { return strings.ReplaceAll(text, value, "***") },
	}}
	for _, tt := range []struct {
		handler      http.Handler
		method, path string
	}{
		{s.public(), http.MethodGet, "/healthz"},
		{s.public(), http.MethodGet, "/readyz"},
		{s.private(), http.MethodGet, client.MemoryPath + "prod"},
		{s.private(), http.MethodGet, client.SnapshotPath},
		{s.private(), http.MethodGet, client.PlanPath},
		{s.private(), http.MethodGet, client.DescribePath + "web"},
		{s.private(), http.MethodPost, client.SyncPath},
	} {
		w := httptest.NewRecorder()
		tt.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tt.method, tt.path, strings.NewReader("{}")))
		if got := w.Body.String(); w.Code < 400 || got != "the registry answered ***\n" {
			t.Errorf("%s: %d %q", tt.path, w.Code, got)
		}
	}
}

// noSnapshot and noAnswer fail with an error.
type (
	noSnapshot struct{ err error }
	noAnswer   struct{ err error }
)

func (n noSnapshot) Publish(context.Context) ([]byte, error) { return nil, n.err }

func (n noAnswer) Describe(context.Context, string, string) (report.Description, error) {
	return report.Description{}, n.err
}

func (n noAnswer) LastPlan(context.Context) (report.DaemonPlan, error) {
	return report.DaemonPlan{}, n.err
}
