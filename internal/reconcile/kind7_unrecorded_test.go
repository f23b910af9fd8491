package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/worldtest"
)

// TestKind7WhatIsDoneAndNotRememberedIsDone: a write succeeded, and its outcome
// cannot be recorded. No condition reports that it was not done.
func TestKind7WhatIsDoneAndNotRememberedIsDone(t *testing.T) {
	for _, call := range []string{"store put-record", "store delete-intent", "store append-event"} {
		for _, rotates := range []bool{false, true} {
			w := newWorld()
			r := w.restarted()
			bare := gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
			if rotates {
				synced(t, r, desire(bare))
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
				w.Passes(time.Hour)
			}
			bound := false
			w.Fault = func(c string) worldtest.Fault {
				bound = bound || strings.HasPrefix(c, "bind")
				if bound && strings.HasPrefix(c, call) {
					return worldtest.Fault{Before: errDead}
				}
				return worldtest.Fault{}
			}
			sync1(t, r, desire(bare))
			if newest := w.Tokens["acr/gitlab"][len(w.Tokens["acr/gitlab"])-1]; w.Bound(binding.GitLab) != newest {
				t.Fatalf("%s is bound", w.Bound(binding.GitLab))
			}
			if c := conditionOf(t, r, "pay-gitlab", binding.Bound); c.Status == binding.False {
				t.Errorf("%s, rotates %v: Bound is %s (%s): %s", call, rotates, c.Status, c.Reason, text(c.Message))
			}
			if c := conditionOf(t, r, "pay-gitlab", binding.TokenFresh); c.Status == binding.False {
				t.Errorf("%s, rotates %v: TokenFresh is %s (%s): %s", call, rotates, c.Status, c.Reason, text(c.Message))
			}
			for _, h := range w.History() {
				if h.Outcome == "failed" {
					t.Errorf("%s, rotates %v: history: %s %s %s: %s", call, rotates, h.Action, h.Object, h.Outcome, h.ID)
				}
			}
		}
	}
}
