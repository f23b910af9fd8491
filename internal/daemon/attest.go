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
func (d *Daemon) Attest(ctx context.Context, who server.Caller, word client.Attestation) (message.Message, error) {
	r, done := d.hold()
	defer done()
	of, written, err := r.engine.Attest(ctx, who.Person(word.By), word)
	if err != nil {
		d.log.Info("attestation refused", "instance", word.Instance, "binding", word.Binding, "by", word.By, "caller", who, "err", err)
		return message.Message{}, err
	}
	d.log.Info("a person attested", "instance", of.Name, "binding", word.Binding, "by", word.By, "caller", who, "what", message.English(written))
	d.happen(plan.Event{Kind: plan.StepsAttested, Instance: of.Name, Binding: word.Binding, Person: who.Person(word.By), Attested: written})
	for _, i := range r.instances {
		if i.Instance == of {
			i.loop.Ask(reconcile.Ask{Binding: word.Binding})
		}
	}
	return written, nil
}
