package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/worldtest"
)

// TestAnAccountThatAPersonUnboundComesBackOnlyAsDeclared: what was bound before is
// bound again if we unbound it, or if it is declared still.
func TestAnAccountThatAPersonUnboundComesBackOnlyAsDeclared(t *testing.T) {
	byPerson := func(w *world, _ *reconcile.Reconciler) { w.ConsoleUnbinds(binding.GitLab) }
	byUs := func(w *world, r *reconcile.Reconciler) {
		w.FailOn("bind", fault{Before: errDead})
		_, _ = r.Sync(t.Context(), desire(gitlab(another)), binding.DepthPreflight)
	}
	refusals := map[string]*binding.Failure{
		"the token":       {Kind: binding.Refused, Fault: binding.FaultToken, Code: "TOKEN_INVALID", Op: message.Verbatim("registry: bind")},
		"our credentials": {Kind: binding.Forbidden, Code: "Forbidden.RAM", Op: message.Verbatim("registry: bind")},
		"nobody knows":    {Kind: binding.Refused, Code: "CONFLICT", Op: message.Verbatim("registry: bind")},
	}
	for name, tt := range map[string]struct {
		unbound  func(*world, *reconcile.Reconciler)
		declared func(*binding.Declaration)
		comes    bool
	}{
		"a person unbound it, and another user is declared":            {byPerson, another, false},
		"a person unbound it, and another user and token are declared": {byPerson, anotherToken, false},
		"a person unbound it, and the token rotated":                   {byPerson, func(*binding.Declaration) {}, true},
		"we unbound it for another user":                               {byUs, another, true},
	} {
		for fault, refusal := range refusals {
			t.Run(name+", fault: "+fault, func(t *testing.T) {
				w := newWorld()
				r := reconcile.New(w.options())
				synced(t, r, desire(gitlab()))
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
				tt.unbound(w, r)
				tries := 0
				w.Fault = func(call string) worldtest.Fault {
					if call == "bind gitlab" {
						if tries++; tries == 1 {
							return worldtest.Fault{Before: refusal}
						}
					}
					return worldtest.Fault{}
				}
				w.Passes(time.Hour)
				sync1(t, r, desire(gitlab(tt.declared)))
				account := w.Accounts[binding.GitLab]
				if (account != nil) != tt.comes || account != nil && account.Username != "ci-bot" {
					t.Errorf("%d binds, bound: %+v", tries, account)
				}
				d := gitlab(tt.declared)
				got := conditionOf(t, r, "pay-gitlab", binding.Bound)
				if is := account != nil && account.Username == d.Spec.Username; (got.Status == binding.True) != is {
					t.Errorf("Bound: %s %s, and %+v is bound", got.Status, got.Reason, account)
				}
			})
		}
	}
}

func another(d *binding.Declaration) { d.Spec.Username = "another" }

func anotherToken(d *binding.Declaration) {
	another(d)
	d.Spec.Token.Vault.Path = "acr/codeup"
}
