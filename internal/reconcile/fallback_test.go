package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/worldtest"
)

// TestAnAccountThatAPersonUnboundComesBackOnlyAsDeclared: the previous account is
// bound again if we unbound it, or if it is still declared.
func TestAnAccountThatAPersonUnboundComesBackOnlyAsDeclared(t *testing.T) {
	byPerson := func(w *world, _ *reconcile.Reconciler) { w.ConsoleUnbinds(binding.GitLab) }
	byUs := func(w *world, r *reconcile.Reconciler) {
		w.FailOn("bind", fault{Before: errDead})
		_, _ = r.Sync(t.Context(), desire(gitlab(another)), binding.DepthPreflight)
	}
	boundOver := func(w *world, _ *reconcile.Reconciler) {
		w.Accounts[binding.GitLab] = &binding.Account{ID: "4711", Platform: binding.GitLab, Username: "somebody", Address: gitlab().Spec.Address}
	}
	boundOverTries := func(times int) func(*world, *reconcile.Reconciler) {
		return func(w *world, r *reconcile.Reconciler) {
			boundOver(w, r)
			w.FailOn("bind", fault{Before: errDead})
			for range times {
				_, _ = r.Sync(t.Context(), desire(gitlab(another)), binding.DepthPreflight)
				w.Passes(time.Hour)
			}
		}
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
		more     int // refusals after the first
	}{
		"a person unbound it, and another user is declared":            {byPerson, another, false, 0},
		"a person unbound it, and another user and token are declared": {byPerson, anotherToken, false, 0},
		"a person unbound it, and the token rotated":                   {byPerson, func(*binding.Declaration) {}, true, 0},
		"we unbound it for another user":                               {byUs, another, true, 0},
		"a person bound somebody, and another user is declared":        {boundOver, another, false, 1},
		"a person bound somebody, whom we unbound for another user":    {boundOverTries(1), another, false, 0},
		"a person bound somebody, whom we unbound, and tried again":    {boundOverTries(3), another, false, 0},
		"a person bound somebody, and the token rotated":               {boundOver, func(*binding.Declaration) {}, true, 0},
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
						if tries++; tries <= 1+tt.more {
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
