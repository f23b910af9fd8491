package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/time/rate"

	"reconciler/internal/binding"
)

const (
	// wrongTokens is how many wrong tokens an address may send in a row, and
	// wrongTokenEvery how long until it may send one more.
	wrongTokens     = 10
	wrongTokenEvery = 10 * time.Second
	// maxWrong bounds the addresses that are remembered.
	maxWrong = 4096
	// apiConnections is how many may be open at once: whoever opens more waits,
	// and the daemon keeps its files for its own work.
	apiConnections = 512
)

// API is what the socket answers, over TLS and for whoever has the token.
type API struct {
	// Listen is the TCP address.
	Listen string
	// CertFile and KeyFile are the certificate with its chain and the key, as
	// PEM. They are read for every handshake, so a new certificate is used at
	// once; if it cannot be read, the previous one stays.
	CertFile, KeyFile string
	// Token reports whether candidate is the token, in a time that does not
	// reveal how much of it is right. The error says why this cannot be
	// checked.
	Token func(candidate string) (bool, error)
	// connections is how many may be open at once; 0 is 512. Only tests set it.
	connections int
}

// listen opens the port; a certificate or a token that cannot be read is an
// error.
func (a *API) listen(ctx context.Context) (net.Listener, error) {
	if _, err := a.Token(""); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	last, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("server: certificate of %s: %w", a.Listen, err)
	}
	var (
		lc net.ListenConfig
		mu sync.Mutex
	)
	l, err := lc.Listen(ctx, "tcp", a.Listen)
	if err != nil {
		return nil, fmt.Errorf("server: listen on %s: %w", a.Listen, err)
	}
	return tls.NewListener(netutil.LimitListener(l, cmp.Or(a.connections, apiConnections)), &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			now, err := tls.LoadX509KeyPair(a.CertFile, a.KeyFile)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				last = now
			}
			kept := last
			return &kept, nil
		},
	}), nil
}

// gate lets those through who send the token, and slows the others down.
type gate struct {
	token func(string) (bool, error)

	mu    sync.Mutex
	wrong map[string]*rate.Limiter
}

// tokenOnly is the handler behind the token.
func (s *Server) tokenOnly(next http.Handler, a *API) http.Handler {
	g := &gate{token: a.Token, wrong: map[string]*rate.Limiter{}}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := network(r.RemoteAddr)
		if g.slow(from) {
			w.Header().Set("Retry-After", fmt.Sprint(int(wrongTokenEvery/time.Second)))
			http.Error(w, "too many wrong tokens; wait", http.StatusTooManyRequests)
			return
		}
		right, err := g.right(r)
		switch {
		case err != nil:
			s.opts.Log.Error("token of the API not read", "err", err)
			http.Error(w, "the daemon cannot tell who may ask; its log says why", http.StatusServiceUnavailable)
			return
		case !right:
			g.count(from)
			s.opts.Log.Warn("a request without the right token", "from", from)
			w.Header().Set("WWW-Authenticate", `Bearer realm="reconciler"`)
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		}
		ctx := context.WithValue(r.Context(), callerKey{}, Caller{Token: true, Remote: from})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// right says whether a request has the token, and only in the one place where
// one belongs.
func (g *gate) right(r *http.Request) (bool, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return false, nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false, nil
	}
	return g.token(token)
}

// slow reports whether an address has recently sent too many wrong tokens.
func (g *gate) slow(from string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.wrong[from]
	return l != nil && l.Tokens() < 1
}

// count notes a wrong token.
func (g *gate) count(from string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.wrong) >= maxWrong {
		clear(g.wrong)
	}
	if g.wrong[from] == nil {
		g.wrong[from] = rate.NewLimiter(rate.Every(wrongTokenEvery), wrongTokens)
	}
	g.wrong[from].Allow()
}

// network names a peer by what it counts as.
func network(remote string) string {
	switch of := binding.Network(remote); {
	case !of.IsValid():
		return "an unknown address"
	case of.IsSingleIP():
		return of.Addr().String()
	default:
		return of.String()
	}
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
		next.ServeHTTP(w, r)
	})
}

// openToGroup lets a group open the socket.
func openToGroup(path string, gid int) error {
	if err := os.Chown(path, -1, gid); err != nil {
		return fmt.Errorf("server: group of socket %s: %w", path, errors.Unwrap(err))
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return fmt.Errorf("server: mode of socket %s: %w", path, err)
	}
	return nil
}
