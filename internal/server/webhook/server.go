package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/server/port"
)

// arrival is how long a request may take to arrive.
const arrival = 5 * time.Second

// ListenOptions are the options of Listen.
type ListenOptions struct {
	// Address is the TCP address, host:port.
	Address string
	// CertFile and KeyFile are PEM files; with them the port speaks TLS. They
	// are read again when they change.
	CertFile, KeyFile string
	Handler           http.Handler
	Log               *slog.Logger
	// arrival is how long a request may take to arrive; 0 means 5 seconds. Only
	// tests set it.
	arrival time.Duration
}

// Server is the port of the webhooks.
type Server struct {
	listener net.Listener
	server   *http.Server
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
		// Otherwise net/http itself would answer OPTIONS *.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(opts.Log.Handler(), slog.LevelDebug),
	}}
	var certificate *port.Certificate
	if opts.CertFile != "" {
		var err error
		if certificate, err = port.NewCertificate(opts.CertFile, opts.KeyFile, opts.Log); err != nil {
			return nil, message.Within("webhooks", err)
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.Address)
	if err != nil {
		return nil, message.Within("webhooks", message.NewError("server.listen", "address", opts.Address, "why", err))
	}
	s.listener = port.Share(listener, nil)
	if certificate != nil {
		s.listener = tls.NewListener(s.listener, certificate.TLS())
	}
	return s, nil
}

// Address is the actual TCP address.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve answers until Close.
func (s *Server) Serve() {
	go func() {
		if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("webhook server stopped", "err", err)
		}
	}()
}

// Close waits for requests in flight until ctx ends, and then aborts them.
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
