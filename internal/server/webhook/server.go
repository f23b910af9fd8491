package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"
)

const (
	// arrival is how long a request may take to arrive.
	arrival = 5 * time.Second
	// connections is how many may be open at once: whoever opens more waits,
	// and the daemon keeps its files for its own work.
	connections = 512
)

// ListenOptions for Listen.
type ListenOptions struct {
	// Address is the TCP address, host:port.
	Address string
	// CertFile and KeyFile are PEM files; with them the port speaks TLS. They
	// are read again when they change.
	CertFile, KeyFile string
	Handler           http.Handler
	Log               *slog.Logger
	// arrival is how long a request may take to arrive; 0 is 5 seconds. Only
	// tests set it.
	arrival time.Duration
	// connections is how many may be open at once; 0 is 512. Only tests set it.
	connections int
}

// Server is the port of the webhooks.
type Server struct {
	listener net.Listener
	server   *http.Server
	tls      bool
	log      *slog.Logger
}

// Listen opens the port, so that an address in use, or a certificate that
// cannot be read, is an error before any work begins.
func Listen(ctx context.Context, opts ListenOptions) (*Server, error) {
	s := &Server{log: opts.Log, server: &http.Server{
		Handler:           opts.Handler,
		ReadHeaderTimeout: cmp.Or(opts.arrival, arrival),
		ReadTimeout:       cmp.Or(opts.arrival, arrival),
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		// Without it net/http answers OPTIONS * by itself.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}}
	if opts.CertFile != "" {
		c := &certificate{certFile: opts.CertFile, keyFile: opts.KeyFile, log: opts.Log, warn: rate.Sometimes{Interval: time.Minute}}
		if _, err := c.get(nil); err != nil {
			return nil, err
		}
		s.tls = true
		s.server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.Address)
	if err != nil {
		return nil, fmt.Errorf("webhooks: listen on %s: %w", opts.Address, err)
	}
	s.listener = netutil.LimitListener(listener, cmp.Or(opts.connections, connections))
	return s, nil
}

// Address is the TCP address in use.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve answers until Close.
func (s *Server) Serve() {
	go func() {
		serve := s.server.Serve
		if s.tls {
			serve = func(l net.Listener) error { return s.server.ServeTLS(l, "", "") }
		}
		if err := serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("webhook server stopped", "err", err)
		}
	}()
}

// Close lets answers in flight end, until ctx does; then it cuts them.
func (s *Server) Close(ctx context.Context) error {
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	// Shutdown knows the listener only once Serve has begun.
	if failed := s.listener.Close(); failed != nil && !errors.Is(failed, net.ErrClosed) {
		err = errors.Join(err, failed)
	}
	return err
}

// certificate is a pair of files, read again when one of them changes.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu          sync.Mutex
	cert, key   os.FileInfo
	certificate *tls.Certificate
	// warn limits the log lines, because anybody can begin a handshake.
	warn rate.Sometimes
}

// get implements tls.Config.GetCertificate. While the files hold no pair, as
// between the change of one and of the other, the last one stands.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cert, errCert := os.Stat(c.certFile)
	key, errKey := os.Stat(c.keyFile)
	err := errors.Join(errCert, errKey)
	if err == nil && c.certificate != nil && unchanged(cert, c.cert) && unchanged(key, c.key) {
		return c.certificate, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(c.certFile, c.keyFile)
	}
	switch {
	case err == nil:
		c.certificate, c.cert, c.key = &pair, cert, key
	case c.certificate == nil:
		return nil, fmt.Errorf("webhooks: certificate: %w", err)
	default:
		c.warn.Do(func() { c.log.Warn("webhook certificate not read; the last one stands", "err", err) })
	}
	return c.certificate, nil
}

// unchanged says that a file is the one that was read.
func unchanged(now, read os.FileInfo) bool {
	return os.SameFile(now, read) && now.ModTime().Equal(read.ModTime()) && now.Size() == read.Size()
}
