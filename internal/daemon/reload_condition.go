package daemon

import (
	"fmt"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/finding"
)

// Reasons of the condition ConfigurationCurrent.
const (
	reasonTaken   = "Taken"
	reasonRefused = "Refused"
)

// Conditions are what holds of the daemon itself.
func (l *longLived) Conditions() []binding.Condition {
	return []binding.Condition{*l.configured.Load()}
}

// taken notes that a configuration is in force from now on.
func (l *longLived) taken() {
	now := l.now()
	l.metrics.ConfigurationRead(true, now)
	l.since.Store(&now)
	l.note(binding.True, reasonTaken, "taken at "+clockTime(now))
}

// refused notes that a configuration was refused, and why.
func (l *longLived) refused(found []finding.Finding, err error) {
	now := l.now()
	l.metrics.ConfigurationRead(false, now)
	why := err.Error()
	if n := slices.IndexFunc(found, func(f finding.Finding) bool { return f.Severity == finding.Error }); n >= 0 {
		why = fmt.Sprintf("%s:%d: %s: %s", found[n].File, found[n].Line, found[n].Code, found[n].Message)
	}
	l.note(binding.False, reasonRefused, fmt.Sprintf("refused at %s, running with the one of %s: %s", clockTime(now), clockTime(*l.since.Load()), why))
}

func (l *longLived) note(status binding.ConditionStatus, reason, message string) {
	var before []binding.Condition
	if c := l.configured.Load(); c != nil {
		before = append(before, *c)
	}
	after := binding.SetCondition(before, binding.Condition{
		Type: client.ConfigurationCurrent, Status: status, Reason: reason, Message: l.redactor.Redact(message), LastTransitionTime: l.now(),
	})
	l.configured.Store(&after[0])
}

func clockTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
