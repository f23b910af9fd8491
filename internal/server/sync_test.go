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
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/client"
	"reconciler/internal/report"
)

// syncs is a Syncer that records what it was asked, and answers when it may.
type syncs struct {
	asked   chan client.SyncRequest
	who     chan Caller
	release chan struct{}
	err     error
}

func newSyncs() *syncs {
	return &syncs{asked: make(chan client.SyncRequest, 9), who: make(chan Caller, 9), release: make(chan struct{})}
}

func (s *syncs) Sync(ctx context.Context, who Caller, request client.SyncRequest) (report.SyncResult, error) {
	s.asked <- request
	s.who <- who
	select {
	case <-s.release:
		return report.NewSyncResult([]report.SyncedInstance{{Name: "prod", Outcome: report.SyncChanged}}), s.err
	case <-ctx.Done():
		return report.SyncResult{}, ctx.Err()
	}
}

// syncing starts a server that syncs for people; edit may change its parts
// before it serves.
func syncing(t *testing.T, syncer Syncer, edit func(*Server)) (*Server, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "srv")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s.sock")
	s, err := Listen(t.Context(), Options{
		Listen: "127.0.0.1:0", Socket: socket, State: fakeState{}, Syncer: syncer,
		Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(s)
	}
	s.Serve()
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s, socket
}

// syncAnswer is what a client was answered about a sync.
type syncAnswer struct {
	result report.SyncResult
	err    error
}

// askWithShortLimits has a sync asked of a server whose own limits are as short as
// this machine can take a request within, and gives these limits.
func askWithShortLimits(t *testing.T, syncer *syncs, request client.SyncRequest) (limit time.Duration, asked client.SyncRequest, answers chan syncAnswer) {
	t.Helper()
	for limit = 20 * time.Millisecond; limit < time.Minute; limit *= 2 {
		_, socket := syncing(t, syncer, func(s *Server) {
			for _, srv := range s.servers {
				srv.ReadTimeout, srv.WriteTimeout = limit, limit
			}
		})
		answers = make(chan syncAnswer, 1)
		go func() {
			result, err := client.New(socket).Sync(t.Context(), request)
			answers <- syncAnswer{result, err}
		}()
		select {
		case asked = <-syncer.asked:
			return limit, asked, answers
		case <-answers:
		}
	}
	t.Fatal("a server with limits of half a minute takes no request")
	return 0, client.SyncRequest{}, nil
}

func TestASyncIsWaitedForLongerThanTheServersOwnLimits(t *testing.T) {
	syncer := newSyncs()
	request := client.SyncRequest{Binding: "pay", Instance: "prod", By: "Ada", Reason: "mended"}
	limit, asked, answers := askWithShortLimits(t, syncer, request)
	if diff := cmp.Diff(request, asked); diff != "" {
		t.Error(diff)
	}
	if who := <-syncer.who; who.Peer && (who.UID != os.Getuid() || who.PID != os.Getpid()) {
		t.Errorf("the caller is said to be %+v", who)
	}
	// Whatever the limits would end has ended when this timer has.
	limits := time.NewTimer(10 * limit)
	select {
	case got := <-answers:
		t.Fatalf("answered before the sync was over: %+v", got)
	case <-limits.C:
	}
	close(syncer.release)
	if got := <-answers; got.err != nil || !got.result.Has(report.SyncChanged) {
		t.Errorf("got %+v", got)
	}
}

func TestAServerThatClosesWaitsForNoSync(t *testing.T) {
	syncer := newSyncs()
	s, socket := syncing(t, syncer, nil)
	errs := make(chan error, 1)
	go func() {
		_, err := client.New(socket).Sync(t.Context(), client.SyncRequest{By: "Ada"})
		errs <- err
	}()
	<-syncer.asked
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-errs; err == nil {
		t.Error("a sync that was never over is reported as done")
	}
}

func TestWhatIsNoRequestIsNotTaken(t *testing.T) {
	syncer := newSyncs()
	syncer.err = errors.New("sync: no binding is called pay")
	close(syncer.release)
	_, socket := syncing(t, syncer, nil)
	daemon := client.New(socket)
	unix := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	for name, body := range map[string]string{
		"nothing":          ``,
		"not JSON":         `binding=a`,
		"not an object":    `["a"]`,
		"an unknown field": `{"by":"b","force":true}`,
		"a second object":  `{"by":"b"}{"by":"c"}`,
		"a wrong type":     `{"by":7}`,
		"without end":      `{"by":"` + strings.Repeat("a", maxCommand) + `"}`,
		"deep":             strings.Repeat("[", 3000),
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://daemon"+client.SyncPath, strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := unix.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusBadRequest || len(syncer.asked) > 0 {
				t.Errorf("got %d, want 400; taken: %d", resp.StatusCode, len(syncer.asked))
			}
		})
	}
	if _, err := daemon.Sync(t.Context(), client.SyncRequest{By: "Ada"}); err == nil || err.Error() != syncer.err.Error() {
		t.Errorf("refused: got %v, want the daemon's own words", err)
	}
}
