package daemon

import (
	"fmt"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/finding"
	"reconciler/internal/report"
)

// Reasons of the condition ConfigurationCurrent.
const (
	reasonTaken   = "Taken"
	reasonRefused = "Refused"
)

// Conditions are what holds of the daemon itself.
func (d *Daemon) Conditions() []binding.Condition {
	return []binding.Condition{*d.configured.Load()}
}

// taken notes that a configuration is in force from now on.
func (d *Daemon) taken() {
	now := d.now()
	d.metrics.ConfigurationRead(true, now)
	d.since.Store(&now)
	d.note(binding.True, reasonTaken, "taken at "+clockTime(now))
}

// refused notes that a configuration was refused, and why.
func (d *Daemon) refused(found []finding.Finding, err error) {
	now := d.now()
	d.metrics.ConfigurationRead(false, now)
	why := err.Error()
	if n := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Error }); n >= 0 {
		why = fmt.Sprintf("%s:%d: %s: %s", found[n].File, found[n].Line, found[n].Code, report.English().Text(found[n].Message))
	}
	d.note(binding.False, reasonRefused, fmt.Sprintf("refused at %s, running with the one of %s: %s", clockTime(now), clockTime(*d.since.Load()), why))
}

func (d *Daemon) note(status binding.ConditionStatus, reason, message string) {
	var before []binding.Condition
	if c := d.configured.Load(); c != nil {
		before = append(before, *c)
	}
	after := binding.SetCondition(before, binding.Condition{
		Type: client.ConfigurationCurrent, Status: status, Reason: reason, Message: d.redactor.Redact(message), LastTransitionTime: d.now(),
	})
	d.configured.Store(&after[0])
}

func clockTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
