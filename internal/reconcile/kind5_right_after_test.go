package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/sandbox"
)

// TestKind5AnAccountThatAPersonBindsRightAfterOurBind: our bind of version 2 got no
// answer, or its account is shown late, and a person binds the same user with a
// different token some seconds later. Whoever bound the account that appears,
// version 2 is bound in the end.
func TestKind5AnAccountThatAPersonBindsRightAfterOurBind(t *testing.T) {
	for name, tt := range map[string]struct {
		fault sandbox.Fault
		lag   time.Duration
	}{
		"the bind had no effect":            {fault: sandbox.Fault{Status: http.StatusGatewayTimeout}},
		"the bind was cut":                  {fault: sandbox.Fault{Cut: true}},
		"its answer is lost, and reads lag": {fault: sandbox.Fault{DropResponse: true}, lag: 40 * time.Second},
		"it is answered, and reads lag":     {lag: 40 * time.Second},
	} {
		for _, after := range []time.Duration{6 * time.Second, 10 * time.Second, 28 * time.Second} {
			t.Run(name+", "+after.String(), func(t *testing.T) {
				l := appliedWorld(t)
				l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
				if tt.fault.Status != 0 || tt.fault.Cut || tt.fault.DropResponse {
					tt.fault.Times, tt.fault.Match = 1, bindCall
					l.registry.Faults.Add(tt.fault)
				}
				l.SetReadLag(sandbox.ReadLag{By: tt.lag})
				began := l.Clock()
				l.sync()
				l.Passes(max(0, after-l.Clock().Sub(began)))
				l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username)
				l.syncs(1, time.Second)
				l.syncs(12, time.Minute)
				l.syncs(6, time.Hour)
				if !l.TokenIs("gitlab", "canary-gitlab-2") {
					t.Errorf("another token is bound than version 2, which %d of the record says; %v", l.Records()["pay-gitlab/gitlab"].TokenVersion, l.unsettled())
				}
			})
		}
	}
}
