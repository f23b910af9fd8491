package daemon

import (
	"errors"
	"os/user"
	"strconv"
	"sync"

	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/page"
	"reconciler/internal/secrets"
	"reconciler/internal/server"
)

// api makes the server's API over TLS; nil if none is configured. At each
// request, the tokens of the current configuration apply.
func (d *Daemon) api(c *config.API) *server.API {
	if c == nil {
		return nil
	}
	tokens := &apiTokens{redactor: d.redactor}
	api := &server.API{
		Listen: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile, Count: d.metrics.CountAPI,
		Token: func(candidate string) (*server.Token, error) {
			return tokens.find(d.currentRunner().config.Server.API, candidate)
		},
	}
	if c.Page.Enabled {
		api.Page = page.New(page.Options{Present: d, Past: d, Session: c.Page.Session, Now: d.now, Log: d.log})
	}
	return api
}

// socketGroup is the ID of the configured group; nil if none is configured.
func socketGroup(c config.Server) (*int, error) {
	if c.SocketGroup == "" {
		return nil, nil //nolint:nilnil // Having no group is not an error.
	}
	g, err := user.LookupGroup(c.SocketGroup)
	if err != nil {
		return nil, message.Within("server.socketGroup", err)
	}
	n, err := strconv.Atoi(g.Gid)
	if err != nil {
		return nil, message.Within("server.socketGroup", message.NewError("daemon.group-number", "group", c.SocketGroup))
	}
	return &n, nil
}

// apiTokens finds the tokens of the API. It reads their files for every
// request, so that a new token is accepted, and an old one refused, at once.
type apiTokens struct {
	redactor *secrets.Redactor

	mu     sync.Mutex
	held   []secrets.Secret
	forget []func()
}

// find returns the token with the value candidate; nil if there is none. It
// always compares all tokens, so that its timing reveals nothing. If two tokens
// have the same value, the one with fewer permissions counts. The error names
// the files that could not be read, without their content.
func (t *apiTokens) find(c *config.API, candidate string) (*server.Token, error) {
	var (
		found *server.Token
		errs  []error
		now   []secrets.Secret
	)
	for _, token := range c.All() {
		values, err := token.Read()
		errs = append(errs, err)
		for _, value := range values {
			secret := secrets.New(value)
			now = append(now, secret)
			if secret.Matches(candidate) && (found == nil || token.ReadOnly()) {
				found = &server.Token{Name: token.Name, ReadOnly: token.ReadOnly()}
			}
		}
	}
	t.register(now)
	if found != nil {
		return found, nil
	}
	return nil, errors.Join(errs...)
}

// register adds the current tokens to the redactor, and removes earlier ones.
func (t *apiTokens) register(now []secrets.Secret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	same := len(now) == len(t.held)
	for i := 0; same && i < len(now); i++ {
		same = now[i].Matches(t.held[i].Expose())
	}
	if same {
		for _, secret := range now {
			secret.Wipe()
		}
		return
	}
	before := t.forget
	t.held, t.forget = now, nil
	for _, secret := range now {
		t.forget = append(t.forget, t.redactor.Register(secret))
	}
	for _, forget := range before {
		forget()
	}
}
