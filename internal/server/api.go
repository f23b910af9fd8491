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

// API serves what the socket serves over TLS, to clients with a token. Without a
// certificate it uses plain http.
type API struct {
	// Listen is the TCP address.
	Listen string
	// CertFile and KeyFile are PEM files with the certificate chain and the
	// key. They are read again when they change.
	CertFile, KeyFile string
	// Page makes the handler of all paths that are not the API's, for people; nil
	// for none.
	Page func(*Gate) http.Handler
	// Token returns the token with the value candidate; nil if there is none.
	// Its duration does not reveal how much of the value is right. The error
	// says why this cannot be checked.
	Token func(candidate string) (*Token, error)
	// Count is called for each request with the name of the token, empty if
	// there was none, and the result. nil counts nothing.
	Count func(token, result string)
}

// Token is a token of the API.
type Token struct {
	// Name is its name in the history; empty for the token without a name.
	Name string
	// ReadOnly is true if the token may not change anything.
	ReadOnly bool
}

// Results of requests to the API, for the metric that counts them.
const (
	Answered     = "answered"
	Forbidden    = "forbidden"
	Unauthorized = "unauthorized"
	Limited      = "limited"
)

// listen opens the port. A certificate or a token that cannot be read is an
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

// handler is the handler of the API's port.
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

// tokenOnly requires a token. A valid token is never refused because of invalid
// ones from the same address: behind a proxy, they may come from somebody else.
func (s *Server) tokenOnly(next http.Handler, g *Gate) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := port.Peer(r.RemoteAddr)
		token, err := g.tokenOf(r)
		switch {
		case err != nil:
			g.unread(from, err)
			w.Header().Set("Connection", "close") // The next attempt costs a handshake, as with a wrong token.
			s.refuse(w, r, message.NewError("server.unread"), http.StatusServiceUnavailable)
		case token == nil:
			s.refuseToken(w, r, g.countWrong(from))
		case token.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead:
			g.count(token, Forbidden)
			s.opts.Log.Warn("refused a change with a read-only token", "token", token.Name, "from", from)
			s.refuse(w, r, message.NewError("server.reads-only", "token", token.Name), http.StatusForbidden)
		default:
			g.count(token, Answered)
			caller := Caller{Token: true, Name: token.Name, Remote: from}
			defer port.Protect(r.Context(), caller.String())()
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		}
	})
}

// peersOnly is for requests over the socket: it allows the daemon's own user
// and root and, with a group, everyone who may open the socket.
func (s *Server) peersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		own := c.Peer && (c.UID == 0 || c.UID == os.Getuid())
		if peersKnown && !own && (!c.Peer || s.opts.SocketGroup == nil) {
			s.opts.Log.Warn("refused a request from another user", "caller", c)
			s.refuse(w, r, message.NewError("server.other-user"), http.StatusForbidden)
			return
		}
		defer port.Protect(r.Context(), c.String())()
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
