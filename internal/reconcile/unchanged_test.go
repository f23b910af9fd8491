package reconcile_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
	"reconciler/internal/worldtest"
)

// TestApplyNeverChangesItsRound: after it is made, nothing changes a round: not
// applying it, observing again or computing statuses.
func TestApplyNeverChangesItsRound(t *testing.T) {
	t.Parallel()
	r := reconcile.New(newWorld().options())
	for _, tt := range []struct {
		name     string
		declared []binding.Declaration
		actions  bool
	}{
		{"nothing is bound yet", []binding.Declaration{gitlab(), codeup()}, true},
		{"all is as declared", []binding.Declaration{gitlab(), codeup()}, false},
		{"another account", []binding.Declaration{gitlab(func(d *binding.Declaration) { d.Spec.Username = "other" }), codeup()}, true},
		{"one is no longer declared", []binding.Declaration{codeup()}, false},
	} {
		round, err := r.Plan(t.Context(), desire(tt.declared...), binding.DepthPreflight)
		must(t, err)
		if round.Plan.HasChanges() != tt.actions {
			t.Errorf("%s: changes are due: %t", tt.name, !tt.actions)
		}
		worldtest.Unchanged(round, func() { r.Apply(t.Context(), round) })
	}
}
