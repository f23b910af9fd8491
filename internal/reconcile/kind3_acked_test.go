package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// acknowledged returns a world with a new token, whose registry accepts that many
// binds of the token without doing them.
func acknowledged(t *testing.T, policy binding.DriftPolicy, binds int) *lagging {
	t.Helper()
	l := appliedWorld(t, func(d *binding.Declaration) { d.Spec.DriftPolicy = policy })
	l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
	l.registry.Faults.Add(sandbox.Fault{
		Times: binds, Status: 200, ContentType: "application/json;charset=utf-8", Match: bindCall,
		Body: `{"requestId":"r","data":{"userSourceAccountId":4711,"sourceAccountId":4711,"id":4711}}`,
	})
	return l
}

// TestKind3WhatIsNeverShownTwiceIsForAPerson: the registry accepted a new token
// twice without binding it. Drift is only reported, so a third bind is not sent.
// The status says what a person has to do, and does not say that somebody else
// unbound the account.
func TestKind3WhatIsNeverShownTwiceIsForAPerson(t *testing.T) {
	l := acknowledged(t, binding.Report, 2)
	l.syncs(6, 5*time.Minute)
	for _, of := range []binding.ConditionType{binding.Ready, binding.Bound} {
		c := conditionOf(t, l.r, "pay-gitlab", of)
		if says := text(c.Message); c.Status != binding.False || c.Reason != "NotBound" || !strings.Contains(says, "bind it in the console") || strings.Contains(says, "no longer bound") {
			t.Errorf("%s is %s (%s): %s", of, c.Status, c.Reason, says)
		}
	}
	l.called("CreateUserSourceAccount", 3)
	l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username)
	l.syncs(2, 5*time.Minute)
	if c := conditionOf(t, l.r, "pay-gitlab", binding.Bound); c.Status != binding.True {
		t.Errorf("bound in the console, Bound is %s (%s): %s", c.Status, c.Reason, text(c.Message))
	}
}

// TestKind3ABindThatWasNeverShownIsRepeated: the registry accepts the second half
// of a rotation, and does nothing. We unbound the account, so it is bound again,
// even if drift is only reported.
func TestKind3ABindThatWasNeverShownIsRepeated(t *testing.T) {
	for _, policy := range []binding.DriftPolicy{binding.Correct, binding.Report} {
		t.Run(string(policy), func(t *testing.T) {
			l := acknowledged(t, policy, 1)
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
