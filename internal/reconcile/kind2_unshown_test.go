package reconcile_test

import (
	"testing"

	"reconciler/internal/binding"
)

// TestKind2TheNextTokenSaysNothingOfTheBoundOne: an account is bound with an
// unknown token, and the answer to its rebind is lost. The next token is valid, but
// this does not make the bound one valid.
func TestKind2TheNextTokenSaysNothingOfTheBoundOne(t *testing.T) {
	d := gitlab(func(d *binding.Declaration) { d.Spec.Adopt, d.Spec.Repositories = true, nil })
	l := newLagging(t, d)
	l.ConsoleBind("gitlab", d.Spec.Address, d.Spec.Username)
	l.registry.Faults.Add(lost(0, false))
	l.sync()
	if c := conditionOf(t, l.r, d.Name, binding.Bound); c.Reason != "NotVisibleYet" {
		t.Fatalf("Bound is %s (%s): %s", c.Status, c.Reason, text(c.Message))
	}
	if c := conditionOf(t, l.r, d.Name, binding.TokenValid); c.Status == binding.True {
		t.Errorf("TokenValid is %s (%s): %s", c.Status, c.Reason, text(c.Message))
	}
}
