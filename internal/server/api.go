package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/server/port"
)

const (
	// wrongTokens is how many wrong tokens an address may send in a row before it
	// has to wait, and wrongTokenEvery how long until it may send one more.
	wrongTokens     = 10
	wrongTokenEvery = 10 * time.Second
	// maxWrong bounds the addresses that are remembered.
	maxWrong = 4096
)

// API is what the socket answers, over TLS and for whoever has a token.
type API struct {
	// Listen is the TCP address.
	Listen string
	// CertFile and KeyFile are the certificate with its chain and the key, as
	// PEM. They are read again when they change.
	CertFile, KeyFile string
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

// Results are all results.
func Results() []string { return []string{Answered, Forbidden, Unauthorized, Limited} }

// listen opens the port; a certificate or a token that cannot be read is an
// error.
func (a *API) listen(ctx context.Context, log *slog.Logger) (net.Listener, error) {
	if _, err := a.Token(""); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	certificate, err := port.NewCertificate(a.CertFile, a.KeyFile, log)
	if err != nil {
		return nil, fmt.Errorf("server: api %s: %w", a.Listen, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", a.Listen)
	if err != nil {
		return nil, fmt.Errorf("server: listen on %s: %w", a.Listen, err)
	}
	return tls.NewListener(port.Share(l, nil), certificate.TLS()), nil
}

// gate lets those through who send a token, and answers the others at little
// cost.
type gate struct {
	api *API

	mu    sync.Mutex
	wrong map[string]*rate.Limiter
	// lines bounds the log lines about them.
	lines rate.Sometimes
}

// tokenOnly is the handler behind the token. A right token is never refused for
// the wrong ones that came from the same address: behind a proxy, they are not
// of the same person.
func (s *Server) tokenOnly(next http.Handler, a *API) http.Handler {
	g := &gate{api: a, wrong: map[string]*rate.Limiter{}, lines: rate.Sometimes{First: 20, Interval: time.Second}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := port.Peer(r.RemoteAddr)
		token, err := g.tokenOf(r)
		switch {
		case err != nil:
			g.lines.Do(func() { s.opts.Log.Error("token of the API not read", "err", err, "from", from) })
			w.Header().Set("Connection", "close") // The next try costs a handshake, as with a wrong token.
			http.Error(w, "the daemon cannot tell who may ask; its log says why", http.StatusServiceUnavailable)
		case token == nil:
			g.lines.Do(func() { s.opts.Log.Warn("a request without the right token", "from", from) })
			g.refuse(w, from)
		case token.ReadOnly && r.Method != http.MethodGet && r.Method != http.MethodHead:
			g.count(token, Forbidden)
			s.opts.Log.Warn("a request to change something with a token that may only read", "token", token.Name, "from", from)
			http.Error(w, "the token "+token.Name+" may only read; use one with `right: change` (server.api.tokens), or the socket", http.StatusForbidden)
		default:
			g.count(token, Answered)
			caller := Caller{Token: true, Name: token.Name, Remote: from}
			defer port.Hold(r.Context(), caller.String())()
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
		}
	})
}

// refuse answers a request whose token is missing or wrong. The connection ends with it, so
// that the next try costs a handshake.
func (g *gate) refuse(w http.ResponseWriter, from string) {
	w.Header().Set("Connection", "close")
	if g.slow(from) {
		g.count(nil, Limited)
		w.Header().Set("Retry-After", fmt.Sprint(int(wrongTokenEvery/time.Second)))
		http.Error(w, "too many wrong tokens; wait", http.StatusTooManyRequests)
		return
	}
	g.count(nil, Unauthorized)
	w.Header().Set("WWW-Authenticate", `Bearer realm="reconciler"`)
	http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
}

// tokenOf is the token of a request; nil if it has none in the one place where
// one belongs.
func (g *gate) tokenOf(r *http.Request) (*Token, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return nil, nil //nolint:nilnil // No token is no error.
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, nil //nolint:nilnil // No token is no error.
	}
	return g.api.Token(token)
}

func (g *gate) count(token *Token, result string) {
	if g.api.Count == nil {
		return
	}
	name := ""
	if token != nil {
		name = token.Name
	}
	g.api.Count(name, result)
}

// slow counts a wrong token, and reports whether its address has recently sent
// too many.
func (g *gate) slow(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.wrong) >= maxWrong && g.wrong[from] == nil {
		clear(g.wrong)
	}
	if g.wrong[from] == nil {
		g.wrong[from] = rate.NewLimiter(rate.Every(wrongTokenEvery), wrongTokens)
	}
	return !g.wrong[from].Allow()
}

// peersOnly is the handler behind the socket: the daemon's own user and root
// may ask, and with a group whoever the socket's mode lets open it.
func (s *Server) peersOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := callerOf(r.Context())
		own := c.Peer && (c.UID == 0 || c.UID == os.Getuid())
		if peersKnown && !own && (!c.Peer || s.opts.SocketGroup == nil) {
			s.opts.Log.Warn("a request of another user", "caller", c)
			http.Error(w, "the socket answers the daemon's user and root alone (server.socketGroup allows a group)", http.StatusForbidden)
			return
		}
		defer port.Hold(r.Context(), c.String())()
		next.ServeHTTP(w, r)
	})
}

// openToGroup lets a group open the socket.
func openToGroup(path string, gid int) error {
	if err := os.Chown(path, -1, gid); err != nil {
		return fmt.Errorf("server: group of socket %s: %w", path, errors.Unwrap(err))
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // The operator named the group.
		return fmt.Errorf("server: mode of socket %s: %w", path, err)
	}
	return nil
}
