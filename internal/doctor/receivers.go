package doctor

import (
	"context"

	"reconciler/internal/message"
)

// receivers checks whether the receivers' credentials can be read. It sends
// nothing: `reconciler notify test` does.
func (d *doctor) receivers(ctx context.Context, l *list) {
	for _, r := range d.o.Engine.Config.Notify.Receivers {
		if err := d.clients.ReadCredentials(ctx, r); err != nil {
			l.no("receiver", verbatim(r.Name), "Unusable", message.FromError(err), message.New("doctor.store-credential"))
			continue
		}
		l.yes("receiver", verbatim(r.Name), "Readable", message.New("doctor.receiver", "name", r.Name))
	}
}
