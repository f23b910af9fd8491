package doctor

import (
	"context"

	"reconciler/internal/message"
)

// webhooks looks whether the secrets of the senders, and the certificate of
// the port, can be used. That a host can reach the port is not seen from here.
func (d *doctor) webhooks(_ context.Context, l *list) {
	c := d.o.Engine.Config.Webhooks
	for _, sender := range d.o.Engine.Config.WebhookSettings().Senders {
		if err := sender.Check(); err != nil {
			l.no("webhook-secret", verbatim(sender.Name), "Unusable", message.Says(err), message.New("doctor.mount-file"))
			continue
		}
		l.yes("webhook-secret", verbatim(sender.Name), "Readable", message.New("doctor.webhook-secret"))
	}
	l.certificate("webhook-certificate", c.CertFile, c.KeyFile)
}
