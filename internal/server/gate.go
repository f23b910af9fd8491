package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/message"
)

const (
	// wrongTokens is how many wrong tokens in a row an address may send before it
	// has to wait, and wrongTokenEvery how long it then waits for one more.
	wrongTokens     = 10
	wrongTokenEvery = 10 * time.Second
	// maxWrong limits the addresses that are remembered.
	maxWrong = 4096
)

// Why a token is not accepted.
var (
	ErrWrongToken   = message.NewError("server.wrong-token")
	ErrTooManyWrong = message.NewError("server.too-many-wrong")
)

// Gate checks the tokens of requests to the API's port, and slows down
// guessing. It is safe for concurrent use.
type Gate struct {
	api *API
	log *slog.Logger

	mu     sync.Mutex
	limits map[string]*rate.Limiter
	// lines limits the log lines about wrong tokens.
	lines rate.Sometimes
}

func newGate(api *API, log *slog.Logger) *Gate {
	return &Gate{api: api, log: log, limits: map[string]*rate.Limiter{}, lines: rate.Sometimes{First: 20, Interval: time.Second}}
}

// SignIn returns the token that a person at an address sent, and a function
// that checks whether it is still accepted. The error is ErrWrongToken or
// ErrTooManyWrong, or says why the tokens cannot be read.
func (g *Gate) SignIn(from, candidate string) (*Token, func() (bool, error), error) {
	token, err := g.api.Token(candidate)
	switch {
	case err != nil:
		g.unread(from, err)
		return nil, nil, err
	case token == nil:
		return nil, nil, g.countWrong(from)
	}
	g.count(token, Answered)
	return token, func() (bool, error) {
		now, err := g.api.Token(candidate)
		return now != nil, err
	}, nil
}

func (g *Gate) unread(from string, err error) {
	g.lines.Do(func() { g.log.Error("cannot read a token of the API", "err", err, "from", from) })
}

// countWrong counts and logs a wrong token. Its error says whether the address has
// recently sent too many.
func (g *Gate) countWrong(from string) error {
	g.lines.Do(func() { g.log.Warn("refused a request without a valid token", "from", from) })
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.limits) >= maxWrong && g.limits[from] == nil {
		clear(g.limits)
	}
	if g.limits[from] == nil {
		g.limits[from] = rate.NewLimiter(rate.Every(wrongTokenEvery), wrongTokens)
	}
	if !g.limits[from].Allow() {
		g.count(nil, Limited)
		return ErrTooManyWrong
	}
	g.count(nil, Unauthorized)
	return ErrWrongToken
}

// refuseToken answers a request whose token is missing or wrong. It closes the connection, so
// that the next attempt costs a handshake.
func (s *Server) refuseToken(w http.ResponseWriter, r *http.Request, why error) {
	w.Header().Set("Connection", "close")
	if errors.Is(why, ErrTooManyWrong) {
		w.Header().Set("Retry-After", fmt.Sprint(int(wrongTokenEvery/time.Second)))
		s.refuse(w, r, why, http.StatusTooManyRequests)
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="reconciler"`)
	s.refuse(w, r, why, http.StatusUnauthorized)
}

// tokenOf is the token of a request; nil if the Authorization header has none.
func (g *Gate) tokenOf(r *http.Request) (*Token, error) {
	headers := r.Header.Values("Authorization")
	if len(headers) != 1 {
		return nil, nil //nolint:nilnil // No token is not an error.
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, nil //nolint:nilnil // No token is not an error.
	}
	return g.api.Token(token)
}

func (g *Gate) count(token *Token, result string) {
	if g.api.Count == nil {
		return
	}
	name := ""
	if token != nil {
		name = token.Name
	}
	g.api.Count(name, result)
}
