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

// api is the server's part; nil where the configuration has none. Its tokens are
// those of the configuration in force at each request.
func (d *Daemon) api(c *config.API) *server.API {
	if c == nil {
		return nil
	}
	tokens := &apiTokens{redactor: d.redactor}
	api := &server.API{
		Listen: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile, Count: d.metrics.CountAPI,
		Token: func(candidate string) (*server.Token, error) {
			return tokens.find(d.present().config.Server.API, candidate)
		},
	}
	if c.Page.Enabled {
		api.Page = page.New(page.Options{Present: d, Past: d, Session: c.Page.Session, Now: d.now, Log: d.log})
	}
	return api
}

// checkAPI says what keeps a configuration's tokens from being used.
func checkAPI(c *config.API) error {
	if c == nil {
		return nil
	}
	return c.CheckTokens()
}

// socketGroup is the number of the configured group; nil where there is none.
func socketGroup(c config.Server) (*int, error) {
	if c.SocketGroup == "" {
		return nil, nil //nolint:nilnil // No group is no error.
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

// apiTokens knows the tokens of the API. Their files are read for every
// request, so that a new token is taken, and an old one refused, at once.
type apiTokens struct {
	redactor *secrets.Redactor

	mu     sync.Mutex
	held   []secrets.Secret
	forget []func()
}

// find is the token that candidate is; nil if it is none. Every token is
// compared, so that the time says nothing; if two have one value, the one that
// may less counts. The error says which files could not be read, and holds
// nothing of them.
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

// register has the redactor know the tokens as they are now, and no others.
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
