package reconcile_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// TestKind10ANewcomerWaitsForTheInvalidFileOfItsPlatform: a binding has the platform,
// and its file is invalid. Another one that is declared for the platform is not
// changed because of that file, whatever image repositories it has.
func TestKind10ANewcomerWaitsForTheInvalidFileOfItsPlatform(t *testing.T) {
	for name, repositories := range map[string][]binding.Repository{
		"none":   nil,
		"one":    {{Image: "pay/web", Source: "pay/web", Trigger: binding.Auto}},
		"theirs": {{Image: "pay/api", Source: "pay/api", Trigger: binding.Auto}},
		"rules":  {{Image: "pay/web", Source: "pay/web", Trigger: binding.Auto, Rules: []binding.BuildRule{{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab()))
			newcomer := gitlab(func(d *binding.Declaration) {
				d.Name, d.File, d.Spec.Repositories = "newcomer", "new.yaml", repositories
			})
			result := sync1(t, r, plan.Desired{Revision: "r2", Declarations: []binding.Declaration{newcomer}, Broken: []string{"pay.yaml"}})
			for _, o := range result.Of("newcomer") {
				if o.Action.Cause != plan.CauseFileBroken {
					t.Errorf("%s %s (%s)", o.Action.Kind, o.Action.Object, o.Action.Cause)
				}
			}
			if ready := conditionOf(t, r, "newcomer", binding.Ready); ready.Status != binding.False || ready.Reason != status.ReasonFileBroken {
				t.Errorf("Ready is %s (%s): %s", ready.Status, ready.Reason, text(ready.Message))
			}
		})
	}
}
