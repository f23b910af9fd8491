package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
)

// api looks whether the tokens and the certificate of the API can be used.
func (d *doctor) api(_ context.Context, l *list) {
	c, unread := d.o.Engine.Config.Server.API, false
	for _, t := range c.All() {
		name := cmp.Or(t.Name, "server.api.tokenFile")
		if _, err := t.Read(); err != nil {
			l.no("api-token", name, "Unusable", err.Error(), "mount the file, readable by the daemon's user: without it the daemon does not start")
			unread = true
			continue
		}
		l.yes("api-token", name, "Readable", "the token can be read; its right: "+t.Right)
	}
	if err := c.CheckTokens(); err != nil && !unread {
		l.no("api-tokens", "server.api", "Unusable", err.Error(), "give every token a value of its own")
	}
	if c.CertFile == "" {
		return // Plain http on loopback.
	}
	if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
		l.no("api-certificate", c.CertFile, "Unusable", err.Error(), "mount the certificate and the key that belongs to it")
		return
	}
	l.yes("api-certificate", c.CertFile, "Readable", "the certificate and its key can be read")
}
