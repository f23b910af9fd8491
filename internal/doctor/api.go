package doctor

import (
	"cmp"
	"context"
	"crypto/tls"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// api checks whether the tokens and the certificate of the API can be used.
func (d *doctor) api(_ context.Context, l *list) {
	c, unread := d.o.Engine.Config.Server.API, false
	for _, t := range c.All() {
		name := verbatim(cmp.Or(t.Name, "server.api.tokenFile"))
		if _, err := t.Read(); err != nil {
			l.no("api-token", name, "Unusable", message.FromError(err), message.New("doctor.mount-file"))
			unread = true
			continue
		}
		l.yes("api-token", name, "Readable", message.New("doctor.api-token", "right", t.Right))
	}
	if err := c.CheckTokens(); err != nil && !unread {
		l.no("api-tokens", verbatim("server.api"), "Unusable", message.FromError(err), message.New("doctor.same-tokens"))
	}
	l.certificate("api-certificate", c.CertFile, c.KeyFile)
}

// certificate checks whether a certificate and its key can be used. An empty
// file name means plain http.
func (l *list) certificate(name binding.Question, cert, key string) {
	if cert == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		l.no(name, verbatim(cert), "Unusable", message.FromError(err), message.New("doctor.mount-certificate"))
		return
	}
	l.yes(name, verbatim(cert), "Readable", message.New("doctor.certificate-read"))
}
