package doctor

import "context"

// receivers looks whether the credentials of the receivers of messages can be
// read. Nothing is sent: reconciler notify test does that.
func (d *doctor) receivers(ctx context.Context, l *list) {
	for _, r := range d.o.Engine.Config.Notify.Receivers {
		if err := d.clients.ReadCredentials(ctx, r); err != nil {
			l.no("receiver", r.Name, "Unusable", err.Error(), "store the credential there, or correct its place: until then its messages wait")
			continue
		}
		l.yes("receiver", r.Name, "Readable", "its credentials can be read; reconciler notify test "+r.Name+" sends a message")
	}
}
