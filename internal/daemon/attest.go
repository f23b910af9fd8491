package daemon

import (
	"context"

	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/server"
)

// Attest records that a person did the steps of a binding, and syncs its
// instance.
func (d *Daemon) Attest(ctx context.Context, who server.Caller, attestation client.Attestation) (message.Message, error) {
	r, done := d.hold()
	defer done()
	of, written, err := r.engine.Attest(ctx, who.Person(attestation.By), attestation)
	if err != nil {
		d.log.Info("attestation refused", "instance", attestation.Instance, "binding", attestation.Binding, "by", attestation.By, "caller", who, "err", err)
		return message.Message{}, err
	}
	d.log.Info("a person attested", "instance", of.Name, "binding", attestation.Binding, "by", attestation.By, "caller", who, "what", message.English(written))
	d.addEvent(plan.Event{Kind: plan.StepsAttested, Instance: of.Name, Binding: attestation.Binding, Person: who.Person(attestation.By), Attested: written})
	for _, i := range r.instances {
		if i.Instance == of {
			i.loop.RequestSync(reconcile.Request{Binding: attestation.Binding})
		}
	}
	return written, nil
}
