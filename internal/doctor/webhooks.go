package doctor

import (
	"context"

	"reconciler/internal/message"
)

// webhooks checks whether the senders' secrets and the port's certificate can
// be used. It cannot check from here whether a code host reaches the port.
func (d *doctor) webhooks(_ context.Context, l *list) {
	c := d.o.Engine.Config.Webhooks
	for _, sender := range d.o.Engine.Config.WebhookSettings().Senders {
		if err := sender.Check(); err != nil {
			l.no("webhook-secret", verbatim(sender.Name), "Unusable", message.FromError(err), message.New("doctor.mount-file"))
			continue
		}
		l.yes("webhook-secret", verbatim(sender.Name), "Readable", message.New("doctor.webhook-secret"))
	}
	l.certificate("webhook-certificate", c.CertFile, c.KeyFile)
}
