package daemon

import (
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Reasons of the condition ConfigurationCurrent.
const (
	reasonTaken   = "Taken"
	reasonRefused = "Refused"
)

// reasonVerified is the reason of the condition SourceVerified while it is true.
const reasonVerified = "Verified"

// Conditions returns the conditions of the daemon itself.
func (d *Daemon) Conditions() []binding.Condition {
	conditions := []binding.Condition{*d.configured.Load(), d.journalIntact()}
	g := d.currentRunner().config.Source.Git
	if c := d.verified.Load(); c != nil && g != nil && g.Verify != nil {
		conditions = append(conditions, *c)
	}
	return conditions
}

// setConfigurationInForce records that a configuration is in force from now on.
func (d *Daemon) setConfigurationInForce() {
	now := d.now()
	d.metrics.ConfigurationRead(true, now)
	d.since.Store(&now)
	d.note(binding.True, reasonTaken, message.New("condition.configuration-taken", "at", now))
}

// refused records that a configuration was refused, and why.
func (d *Daemon) refused(found []finding.Finding, err error) {
	now := d.now()
	d.metrics.ConfigurationRead(false, now)
	why := message.FromError(err)
	if n := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Error }); n >= 0 {
		why = message.New("condition.configuration-finding",
			"at", message.Place{File: found[n].File, Line: found[n].Line}, "code", found[n].Code, "message", found[n].Message)
	}
	d.note(binding.False, reasonRefused, message.New("condition.configuration-refused", "at", now, "since", *d.since.Load(), "why", why))
}

func (d *Daemon) note(status binding.ConditionStatus, reason string, m message.Message) {
	var before []binding.Condition
	if c := d.configured.Load(); c != nil {
		before = append(before, *c)
	}
	after := binding.SetCondition(before, binding.Condition{
		Type: client.ConfigurationCurrent, Status: status, Reason: reason, Message: m.Map(d.redactor.Redact), LastTransitionTime: d.now(),
	})
	d.configured.Store(&after[0])
}
