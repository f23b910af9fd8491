package doctor

import (
	"context"
	"crypto/tls"
)

// webhooks looks whether the secrets of the senders, and the certificate of
// the port, can be used. That a host can reach the port is not seen from here.
func (d *doctor) webhooks(_ context.Context, l *list) {
	c := d.o.Engine.Config.Webhooks
	for _, sender := range d.o.Engine.Config.WebhookSettings().Senders {
		if err := sender.Check(); err != nil {
			l.no("webhook-secret", sender.Name, "Unusable", err.Error(), "mount the file, readable by the daemon's user: without it the daemon does not start")
			continue
		}
		l.yes("webhook-secret", sender.Name, "Readable", "its secret can be read")
	}
	if c.CertFile == "" {
		return
	}
	if _, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile); err != nil {
		l.no("webhook-certificate", c.CertFile, "Unusable", err.Error(), "mount the certificate and the key that belongs to it")
		return
	}
	l.yes("webhook-certificate", c.CertFile, "Readable", "the certificate and its key can be read")
}
