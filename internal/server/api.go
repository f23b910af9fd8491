package server

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"

	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/server/port"
)

// API is what the socket answers, over TLS and for whoever has a token. Without a
// certificate it speaks plain http.
type API struct {
	// Listen is the TCP address.
	Listen string
	// CertFile and KeyFile are the certificate with its chain and the key, as
	// PEM. They are read again when they change.
	CertFile, KeyFile string
	// Page makes what answers people at every path that is not the API's own; nil
	// for nothing.
	Page func(*Gate) http.Handler
	// Token is the token that candidate is; nil if it is none. Its duration does
	// not reveal how much of it is right. The error says why this cannot be
	// checked.
	Token func(candidate string) (*Token, error)
	// Count gets the name of the token and the result of each request; the name
	// is empty where there was no token. nil counts nothing.
	Count func(token, result string)
}

// Token is a token of the API.
type Token struct {
	// Name is what the history calls it; empty for the one that has no name.
	Name string
	// ReadOnly says that it changes nothing.
	ReadOnly bool
}

// The results of a request to the API, as they are counted.
const (
	Answered     = "answered"
	Forbidden    = "forbidden"
	Unauthorized = "unauthorized"
	Limited      = "limited"
)

// listen opens the port; a certificate or a token that cannot be read is an
// error.
func (a *API) listen(ctx context.Context, log *slog.Logger) (net.Listener, error) {
	if _, err := a.Token(""); err != nil {
		return nil, message.Within("server", err)
	}
	secured := func(l net.Listener) net.Listener { return l }
	if a.CertFile != "" {
		certificate, err := port.NewCertificate(a.CertFile, a.KeyFile, log)
		if err != nil {
			return nil, message.Within("server.api", message.Within(a.Listen, err))
		}
		secured = func(l net.Listener) net.Listener { return tls.NewListener(l, certificate.TLS()) }
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Listen)
	if err != nil {
		return nil, message.Within("server.api", message.NewError("server.listen", "address", a.Listen, "why", err))
	}
	return secured(port.Share(l, nil)), nil
}

// handler is what the API's port serves.
func (s *Server) handler(a *API) http.Handler {
	g := newGate(a, s.opts.Log)
	if a.Page == nil {
		return s.tokenOnly(s.private(), g)
	}
	mux := http.NewServeMux()
	mux.Handle(client.Root, s.tokenOnly(s.private(), g))
	mux.Handle("/", s.endsWithServer(a.Page(g)))
	return mux
}

// endsWithServer ends the requests that wait for something when Close begins.
func (s *Server) endsWithServer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(s.closing, cancel)()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// tokenOnly is the handler behind the token. A right token is never refused for
// the wrong ones that came from the same address: behind a proxy, they are not
// of the same person.
func (s *Server) tokenOnly(next http.Handler, g *Gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := port.Peer(r.RemoteAddr)
		token, err := g.tokenOf(r)
		switch {
		case err != nil:
			g.unread(from, err)
			w.Header().Set("Connection", "close") // The next try costs a handshake, as with a wrong token.
			s.refuse(w, r, message.NewError("server.unread"), http.StatusServiceUnavailable)
		case token == nil:
			s.refuseToken(w, r, g.wrong(from))
		case token.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead:
			g.count(token, Forbidden)
			s.opts.Log.Warn("a request to change something with a token that may only read", "token", token.Name, "from", from)
			s.refuse(w, r, message.NewError("server.reads-only", "token", token.Name), http.StatusForbidden)
		default:
			g.count(token, Answered)
			caller := Caller{Token: true, Name: token.Name, Remote: from}
			defer port.Hold(r.Context(), caller.String())()
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		}
	})
}

// peersOnly is the handler behind the socket: the daemon's own user and root
// may ask, and with a group whoever the socket's mode lets open it.
func (s *Server) peersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		own := c.Peer && (c.UID == 0 || c.UID == os.Getuid())
		if peersKnown && !own && (!c.Peer || s.opts.SocketGroup == nil) {
			s.opts.Log.Warn("a request of another user", "caller", c)
			s.refuse(w, r, message.NewError("server.other-user"), http.StatusForbidden)
			return
		}
		defer port.Hold(r.Context(), c.String())()
		next.ServeHTTP(w, r)
	})
}

// openToGroup lets a group open the socket.
func openToGroup(path string, gid int) error {
	if err := os.Chown(path, -1, gid); err != nil {
		return ofSocket("server.socketGroup", path, errors.Unwrap(err))
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // The operator named the group.
		return ofSocket("server.socketGroup", path, err)
	}
	return nil
}
