package reconcile_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestAMovedTokenIsNotEvenShown: the check of a token sends it to the declared
// address, so it must not be made where only a plan would refuse the change.
func TestAMovedTokenIsNotEvenShown(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	moved := gitlab(func(d *binding.Declaration) { d.Spec.Address = "https://gitlab.evil.example" })
	before := map[string]int{}
	calls := []string{"read", "check-token", "check-account", "check-project", "bind", "unbind"}
	for _, call := range calls {
		before[call] = w.count(call)
	}
	p, err := r.Plan(t.Context(), desire(moved), binding.DepthPreflight)
	if err != nil {
		t.Fatal(err)
	}
	sync1(t, r, desire(moved))
	for _, call := range calls {
		if n := w.count(call) - before[call]; n > 0 {
			t.Errorf("%s was called %d times for a token that would go elsewhere", call, n)
		}
	}
	refused := false
	for _, a := range p.Plan.Actions {
		refused = refused || a.Kind == plan.Forbidden && a.Object.IsAccount()
	}
	if !refused {
		t.Errorf("the change was not refused: %+v", p.Plan.Actions)
	}

	o := w.options()
	o.Policy.AllowAddressChangeWithSecret = true
	synced(t, reconcile.New(o), desire(moved))
	if w.count("check-token") == before["check-token"] || w.count("bind") == before["bind"] {
		t.Errorf("the policy allows the move, and it was not made: %v", w.calls)
	}
}
