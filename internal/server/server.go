// Package server serves health, readiness and metrics on a loopback port, and
// the daemon's API over a Unix socket and over TLS. Answers consist of listed
// fields and contain no secret.
package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/report"
	"reconciler/internal/server/port"
)

// State is what the server shows. Every method is safe for concurrent use and
// returns at once.
type State interface {
	// EachStatus yields the current bindings one by one. Callers must not
	// change what they point to.
	EachStatus() iter.Seq[binding.Status]
	// Ready returns nil once every instance has been observed completely;
	// otherwise the error says what is missing.
	Ready() error
	// Alive returns nil while everything that has work makes progress;
	// otherwise the error says what is stuck.
	Alive() error
	// Memory returns what is remembered about an instance.
	Memory(instance string) (client.Memory, error)
}

// Options are the options of a Server.
type Options struct {
	// Listen is the TCP address of health and metrics; empty for none.
	Listen string
	// Socket is the path of the Unix socket; empty for none. It has mode 0600,
	// so that only the daemon's user may use it, or mode 0660 for SocketGroup,
	// if that is not nil.
	Socket      string
	SocketGroup *int
	// API serves the same over TLS; nil for none.
	API   *API
	State State
	// Attester records attestations, and Syncer syncs on request; nil if not
	// supported.
	Attester Attester
	Syncer   Syncer
	// Describer and EventReader report the current state, and events and history.
	Describer   Describer
	EventReader EventReader
	// Conditions returns the daemon's own conditions; nil if there are none.
	Conditions func() []binding.Condition
	// Instances returns the names of the configured instances; nil if unknown.
	Instances func() []string
	// ConfigurationDigest returns the digest of the current configuration; nil if
	// unknown.
	ConfigurationDigest func() string
	// Problems returns what the daemon currently cannot know or do.
	Problems func() report.Problems
	// Suspender suspends and resumes; nil if not supported.
	Suspender Suspender
	// Acceptor accepts a damaged journal; nil if not supported.
	Acceptor Acceptor
	// Publisher publishes what was observed; nil if not supported.
	Publisher Publisher
	Metrics   prometheus.Gatherer
	Log       *slog.Logger
	// Redact masks secrets in the errors that are shown, because they may
	// contain answers of other systems; nil masks nothing.
	Redact func(string) string
}

// Server serves until it is closed.
type Server struct {
	opts      Options
	listeners []net.Listener
	servers   []*http.Server
	// api is the address where the API listens, or empty.
	api string
	// closing ends when Close begins, so that requests stop waiting.
	closing context.Context
	close   context.CancelFunc
}

// Listen opens the port and the socket, so that an address in use is an error
// before any work begins.
func Listen(ctx context.Context, opts Options) (*Server, error) {
	s := &Server{opts: opts}
	s.closing, s.close = context.WithCancel(context.WithoutCancel(ctx))
	var lc net.ListenConfig
	if opts.Listen != "" {
		l, err := lc.Listen(ctx, "tcp", opts.Listen)
		if err != nil {
			return nil, message.Within("server", message.NewError("server.listen", "address", opts.Listen, "why", err))
		}
		s.add(port.Share(l, nil), s.public())
	}
	if opts.Socket != "" {
		l, err := listenSocket(ctx, opts.Socket)
		if err != nil {
			return nil, errors.Join(ofSocket("server", opts.Socket, err), s.Close(ctx))
		}
		s.add(port.Share(l, socketPeer), s.peersOnly(s.private()))
		if opts.SocketGroup != nil {
			if err := openToGroup(opts.Socket, *opts.SocketGroup); err != nil {
				return nil, errors.Join(err, s.Close(ctx))
			}
		}
	}
	if opts.API != nil {
		l, err := opts.API.listen(ctx, opts.Log)
		if err != nil {
			return nil, errors.Join(err, s.Close(ctx))
		}
		s.api = l.Addr().String()
		s.add(l, s.handler(opts.API))
	}
	return s, nil
}

// APIAddress is the actual TCP address of the API, or empty.
func (s *Server) APIAddress() string { return s.api }

// Address is the actual TCP address of health and metrics, or empty.
func (s *Server) Address() string {
	for _, l := range s.listeners {
		if l.Addr().Network() == "tcp" && l.Addr().String() != s.api {
			return l.Addr().String()
		}
	}
	return ""
}

// Serve answers until Close.
func (s *Server) Serve() {
	for i := range s.servers {
		go func() {
			if err := s.servers[i].Serve(s.listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				s.opts.Log.Error("server stopped", "err", err)
			}
		}()
	}
}

// Close waits for requests in flight until ctx ends, and then aborts them.
// Requests that wait for something are answered at once.
func (s *Server) Close(ctx context.Context) error {
	s.close()
	var errs []error
	for i, srv := range s.servers {
		if err := srv.Shutdown(ctx); err != nil {
			errs = append(errs, err, srv.Close())
		}
		// Shutdown knows the listener only once Serve has begun.
		if err := s.listeners[i].Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Server) add(l net.Listener, handler http.Handler) {
	s.listeners = append(s.listeners, l)
	s.servers = append(s.servers, &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       withPeer,
		ErrorLog:          slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug),
	})
}

// listenSocket makes a Unix socket that only this user may open. It replaces a
// socket that a dead daemon left behind; one that answers is an error.
func listenSocket(ctx context.Context, path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	var dialer net.Dialer
	if conn, err := dialer.DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close()
		return nil, message.NewError("server.socket-taken")
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// ofSocket adds to an error the socket's path and the field that sets it.
func ofSocket(field, path string, err error) error {
	return message.Within(field, message.Within(message.New("daemon.socket", "path", path), err))
}

// public serves health and metrics, without details of a binding.
func (s *Server) public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.probe(s.opts.State.Alive))
	mux.HandleFunc("GET /readyz", s.probe(s.opts.State.Ready))
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.opts.Metrics, promhttp.HandlerOpts{}))
	return mux
}

// probe answers 200, or 503 with the error.
func (s *Server) probe(wrong func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := wrong(); err != nil {
			s.refuse(w, r, err, http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	}
}

// private serves the API to everyone who may open the socket.
func (s *Server) private() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+client.BindingsPath, s.bindings)
	if s.opts.Conditions != nil {
		mux.HandleFunc("GET "+client.DaemonPath, s.daemon)
	}
	mux.HandleFunc("GET "+client.MemoryPath+"{instance}", func(w http.ResponseWriter, r *http.Request) {
		memory, err := s.opts.State.Memory(r.PathValue("instance"))
		if err != nil {
			s.refuse(w, r, err, http.StatusInternalServerError)
			return
		}
		s.answer(w, memory)
	})
	if s.opts.Publisher != nil {
		mux.HandleFunc("GET "+client.SnapshotPath, s.published)
	}
	s.answers(mux)
	if s.opts.Attester != nil {
		mux.HandleFunc("POST "+client.AttestPath, s.attest())
	}
	if s.opts.Syncer != nil {
		mux.HandleFunc("POST "+client.SyncPath, command(s, client.SyncTimeout, s.opts.Syncer.Sync))
	}
	if s.opts.Suspender != nil {
		mux.HandleFunc("POST "+client.SuspendPath, command(s, client.SuspendTimeout, s.opts.Suspender.Suspend))
		mux.HandleFunc("POST "+client.ResumePath, command(s, client.SuspendTimeout, s.opts.Suspender.Resume))
	}
	if s.opts.Acceptor != nil {
		mux.HandleFunc("POST "+client.AcceptPath, command(s, client.SuspendTimeout, s.opts.Acceptor.AcceptJournal))
	}
	return mux
}

// bindings writes the list one binding at a time, so that its text is never in
// memory as a whole.
func (s *Server) bindings(w http.ResponseWriter, r *http.Request) {
	rows := r.URL.Query().Get("view") == client.RowsView
	if rows && accepts(r, client.RowsType) {
		s.bindingRows(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriterSize(w, 64<<10)
	encoder, separator := json.NewEncoder(out), "["
	for status := range s.opts.State.EachStatus() {
		if rows {
			status = report.ForTable(status)
		}
		_, _ = out.WriteString(separator) // Flush returns the error.
		if err := encoder.Encode(report.StatusObjects([]binding.Status{status})[0]); err != nil {
			s.opts.Log.Error("the list of bindings is incomplete", "instance", status.Spec.Instance, "binding", status.Name, "err", err)
			panic(http.ErrAbortHandler) // So that no client takes a part for the whole list.
		}
		separator = ","
	}
	if separator == "[" {
		_, _ = out.WriteString(separator)
	}
	_, _ = out.WriteString("]\n")
	if err := out.Flush(); err != nil {
		s.opts.Log.Debug("cannot send an answer", "err", err)
	}
}

// bindingRows answers with CSV, which costs both sides a fraction of what JSON
// does.
func (s *Server) bindingRows(w http.ResponseWriter) {
	w.Header().Set("Content-Type", client.RowsType+"; charset=utf-8; header=present")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	out := bufio.NewWriterSize(w, 64<<10)
	err := report.WriteBindingCSV(out, s.opts.State.EachStatus())
	if undelivered := out.Flush(); undelivered != nil {
		s.opts.Log.Debug("cannot send an answer", "err", undelivered)
		return
	}
	if err != nil {
		s.opts.Log.Error("the list of bindings is incomplete", "err", err)
		panic(http.ErrAbortHandler) // So that no client takes a part for the whole list.
	}
}

func (s *Server) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.opts.Log.Debug("cannot send an answer", "err", err)
	}
}
