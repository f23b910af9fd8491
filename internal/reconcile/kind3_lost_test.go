package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind3NothingIsLostThatWeDidNotUnbind: reads lag and show the platform as
// unbound, although a person has bound it again. The registry refuses our bind
// because it is bound.
func TestKind3NothingIsLostThatWeDidNotUnbind(t *testing.T) {
	l := appliedWorld(t)
	l.SetReadLag(sandbox.ReadLag{By: 50 * time.Second})
	l.ConsoleUnbind("gitlab")
	l.Passes(time.Minute)
	l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username)
	l.Passes(5 * time.Second)
	l.sync()
	for _, of := range []binding.ConditionType{binding.Bound, binding.Ready} {
		if c := conditionOf(t, l.r, "pay-gitlab", of); c.Reason == "BindingLost" {
			t.Errorf("%+v is bound, and %s is %s (%s): %s", l.Accounts(), of, c.Status, c.Reason, text(c.Message))
		}
	}
}
