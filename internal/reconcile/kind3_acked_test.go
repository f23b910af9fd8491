package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind3ABindThatWasNeverShownIsRepeated: the registry accepts the second half
// of a rotation, and does nothing. We unbound the account, so it is bound again,
// even if drift is only reported.
func TestKind3ABindThatWasNeverShownIsRepeated(t *testing.T) {
	for _, policy := range []binding.DriftPolicy{binding.Correct, binding.Report} {
		t.Run(string(policy), func(t *testing.T) {
			l := quiet(t, func(d *binding.Declaration) { d.Spec.DriftPolicy = policy })
			l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
			l.registry.Faults.Add(sandbox.Fault{
				Times: 1, Status: 200, ContentType: "application/json;charset=utf-8", Match: bindCall,
				Body: `{"requestId":"r","data":{"userSourceAccountId":4711,"sourceAccountId":4711,"id":4711}}`,
			})
			result := l.sync()
			if len(l.Accounts()) != 0 || result.Err() != nil {
				t.Skipf("not acknowledged: %v", result.Err())
			}
			l.syncs(6, 5*time.Minute)
			if !l.TokenIs("gitlab", "canary-gitlab-2") {
				c := conditionOf(t, l.r, "pay-gitlab", binding.Ready)
				t.Errorf("nothing is bound: Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
		})
	}
}
