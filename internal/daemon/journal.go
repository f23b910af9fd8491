package daemon

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/server"
)

// Reasons of the condition JournalIntact.
const (
	reasonIntact  = "Intact"
	reasonDamaged = "Damaged"
)

// journalIntact is the condition that the journal can be trusted.
func (d *Daemon) journalIntact() binding.Condition {
	c := binding.Condition{
		Type: client.JournalIntact, Status: binding.True, Reason: reasonIntact, Message: message.New("condition.journal-intact"),
		LastTransitionTime: d.journalSince.Load().UTC(),
	}
	if damage := d.memory.Store.Damage(); damage != nil {
		c.Status, c.Reason = binding.False, reasonDamaged
		c.Message = message.New("condition.journal-damaged", "damage", damage.Message())
	}
	return c
}

// reportJournal reports and logs whether the journal is damaged. That changes
// only when a person accepts the damage.
func (d *Daemon) reportJournal() {
	d.journalSince.Store(new(d.now()))
	d.readJournal()
	if damage := d.memory.Store.Damage(); damage != nil {
		d.log.Error("the journal is damaged; nothing is changed until `reconciler audit accept`",
			"segment", damage.Segment, "offset", damage.Offset, "entry", damage.Entry, "problem", string(damage.Problem),
			"reason", report.English().Text(damage.Message()))
	}
}

// AcceptJournal continues although the journal is damaged, and syncs all instances.
func (d *Daemon) AcceptJournal(ctx context.Context, who server.Caller, request client.AcceptRequest) (binding.JournalDamage, error) {
	r, done := d.hold()
	defer done()
	person := who.Person(request.By)
	if err := person.Check(); err != nil {
		return binding.JournalDamage{}, message.NewError("daemon.accept", "why", err)
	}
	damage, err := d.memory.Store.Accept(ctx, person, request.Entry, d.now())
	if err != nil {
		return binding.JournalDamage{}, message.NewError("daemon.accept", "why", err)
	}
	d.journalSince.Store(new(d.now()))
	d.readJournal()
	d.log.Warn("a person accepted the damaged journal", "by", request.By, "caller", who, "damage", message.English(damage.Message()))
	for _, i := range r.instances {
		i.loop.RequestSync(reconcile.Request{})
	}
	return damage, nil
}
