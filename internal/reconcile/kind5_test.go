package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// TestKind5AStepProvesTheVersionThatItAskedForAllTheTime: the version that a person
// bound is known only if the step asked for the same version from its beginning.
func TestKind5AStepProvesTheVersionThatItAskedForAllTheTime(t *testing.T) {
	rotates := func(w *world) { w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2") }
	none := func(*world) {}
	for name, tt := range map[string]struct {
		while, after func(*world)
		reason       string
		version      int
	}{
		"one version":                     {none, none, status.ReasonNoExpiryKnown, 1},
		"the token rotates while it asks": {rotates, none, status.ReasonVersionUnknown, 0},
		"the token rotates after it":      {none, rotates, status.ReasonVersionUnknown, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.Caps.Bind, w.Caps.Unbind = false, false
			r, d := reconcile.New(w.options()), gitlab()
			d.Spec.Repositories = nil
			sync1(t, r, desire(d))
			tt.while(w)
			w.Passes(time.Hour)
			sync1(t, r, desire(d))
			tt.after(w)
			w.Accounts[binding.GitLab] = &binding.Account{ID: "7", Platform: binding.GitLab, Username: "ci-bot", Address: d.Spec.Address, Created: w.Clock()}
			w.Passes(time.Hour)
			sync1(t, r, desire(d))
			if got := conditionOf(t, r, d.Name, binding.TokenFresh); got.Reason != tt.reason {
				t.Errorf("TokenFresh: %s %s, want %s", got.Status, got.Reason, tt.reason)
			}
			if got := w.Records()["pay-gitlab/gitlab"].TokenVersion; got != tt.version {
				t.Errorf("version %d is recorded, want %d", got, tt.version)
			}
		})
	}
}
