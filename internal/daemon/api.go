package daemon

import (
	"bytes"
	"fmt"
	"os/user"
	"strconv"
	"sync"

	"reconciler/internal/boundedio"
	"reconciler/internal/config"
	"reconciler/internal/secrets"
	"reconciler/internal/server"
)

const (
	// minAPIToken is the shortest token that is taken, in bytes.
	minAPIToken = 20
	maxAPIToken = 4 << 10
)

// api is the server's part for a configuration; nil where there is none.
func (d *Daemon) api(c *config.API) *server.API {
	if c == nil {
		return nil
	}
	token := &tokenFile{path: c.TokenFile, redactor: d.redactor}
	return &server.API{Listen: c.Listen, CertFile: c.CertFile, KeyFile: c.KeyFile, Token: token.is}
}

// socketGroup is the number of the configured group; nil where there is none.
func socketGroup(c config.Server) (*int, error) {
	if c.SocketGroup == "" {
		return nil, nil //nolint:nilnil // No group is no error.
	}
	g, err := user.LookupGroup(c.SocketGroup)
	if err != nil {
		return nil, fmt.Errorf("server.socketGroup: %w", err)
	}
	n, err := strconv.Atoi(g.Gid)
	if err != nil {
		return nil, fmt.Errorf("server.socketGroup %s: its number is no number here", c.SocketGroup)
	}
	return &n, nil
}

// tokenFile is a file that holds the API's token. It is read for every
// question, so that a new token is taken, and an old one refused, at once.
type tokenFile struct {
	path     string
	redactor *secrets.Redactor

	mu     sync.Mutex
	held   secrets.Secret
	forget func()
}

// is says whether candidate is the token. The error names the file and holds
// nothing of it.
func (f *tokenFile) is(candidate string) (bool, error) {
	data, err := boundedio.ReadFile(f.path, maxAPIToken)
	if err != nil {
		return false, fmt.Errorf("server.api.tokenFile: %w", err)
	}
	data = bytes.TrimRight(data, "\r\n")
	if len(data) < minAPIToken {
		return false, fmt.Errorf("server.api.tokenFile: %s: holds fewer than %d bytes; make one with: openssl rand -hex 32", f.path, minAPIToken)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.forget == nil || !f.held.Matches(string(data)) {
		if f.forget != nil {
			f.forget()
		}
		f.held = secrets.New(data)
		f.forget = f.redactor.Register(f.held)
	}
	return f.held.Matches(candidate), nil
}
