package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/status"
)

// TestKind2WhatWasLostStaysLost: a rebind unbound the account and bound none. That is why
// nothing is bound until one is, also in the rounds that only wait for the next try.
func TestKind2WhatWasLostStaysLost(t *testing.T) {
	for _, code := range []string{"SOURCE_ACCOUNT_TOKEN_INVALID", "Forbidden.RAM", "SystemBusy"} {
		for _, restart := range []bool{false, true} {
			t.Run(code, func(t *testing.T) {
				l := appliedWorld(t)
				l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
				l.registry.Faults.Add(sandbox.Fault{
					Status: http.StatusForbidden, ContentType: "application/json;charset=utf-8",
					Body: `{"requestId":"r","code":"` + code + `"}`, Match: bindCall,
				})
				sync1(t, l.r, l.desired)
				before := conditionOf(t, l.r, "pay-gitlab", binding.Bound)
				if before.Reason != status.ReasonBindingLost {
					t.Fatalf("before: %+v", before)
				}
				if restart {
					l.r = l.restarted()
				}
				for range 5 {
					l.Passes(2 * time.Second)
					sync1(t, l.r, l.desired)
					if c := conditionOf(t, l.r, "pay-gitlab", binding.Bound); c.Reason != status.ReasonBindingLost || c.Status != binding.False {
						t.Errorf("Bound is %s (%s): %s", c.Status, c.Reason, text(c.Message))
					}
				}
				l.registry.Faults.Clear()
				l.syncs(3, time.Hour)
				if c := conditionOf(t, l.r, "pay-gitlab", binding.Bound); c.Status != binding.True {
					t.Errorf("in the end Bound is %s (%s)", c.Status, c.Reason)
				}
			})
		}
	}
}
