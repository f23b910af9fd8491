package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
	"reconciler/internal/worldtest"
)

// TestNothingIsUnboundWhileOurCredentialsMayNotBind: an account that cannot be
// bound again would be lost, so after one refused bind no other account is unbound.
func TestNothingIsUnboundWhileOurCredentialsMayNotBind(t *testing.T) {
	forbidden := &binding.Failure{Kind: binding.Forbidden, Code: "Forbidden.RAM", Op: message.Verbatim("registry: bind"), Hint: message.Verbatim("allow it")}
	forbid := func(w *world, which string) { w.FailOn("bind "+which, worldtest.Fault{Before: forbidden}) }
	both := desire(gitlab(), codeup())
	rotate := func(w *world) { w.Tokens["acr/codeup"] = append(w.Tokens["acr/codeup"], "canary-codeup-2") }
	for name, tt := range map[string]struct {
		// refused makes the registry refuse a bind in a world in which codeup is
		// bound.
		refused func(w *world, r *reconcile.Reconciler)
		// then is a change for which codeup would be unbound.
		then func(w *world)
	}{
		"a first bind was refused, and another account's token rotates": {
			func(w *world, r *reconcile.Reconciler) { forbid(w, ""); sync1(t, r, both) }, rotate,
		},
		"a bind was refused after an unbind, and another account's token rotates": {
			func(w *world, r *reconcile.Reconciler) {
				synced(t, r, both)
				forbid(w, "")
				w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
				sync1(t, r, both)
			}, rotate,
		},
		"its own bind was refused, and a person bound it": {
			func(w *world, r *reconcile.Reconciler) {
				w.ConsoleUnbinds(binding.Codeup)
				forbid(w, "")
				sync1(t, r, desire(codeup()))
			},
			func(w *world) {
				w.Accounts[binding.Codeup] = &binding.Account{ID: "7", Platform: binding.Codeup, Username: "ci", Created: w.Now}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(codeup()))
			tt.refused(w, r)
			tt.then(w)
			account := *w.Accounts[binding.Codeup]
			for range 3 {
				w.Passes(time.Hour)
				r = reconcile.New(w.options()) // The refusal is also known after a restart.
				result := sync1(t, r, both)
				if got := w.Accounts[binding.Codeup]; got == nil || got.ID != account.ID {
					t.Fatalf("codeup: %+v, want %+v; calls %v", got, account, w.Calls)
				}
				if result.Err() == nil || !strings.Contains(result.Err().Error(), "may not bind") {
					t.Errorf("result: %v", result.Err())
				}
			}
			if got := conditionOf(t, r, "pay-codeup", binding.Ready); got.Status != binding.False || got.Reason != status.ReasonFailed {
				t.Errorf("Ready: %+v", got)
			}
			w.Fault = nil
			for range 2 { // First the refused bind succeeds, then what waits for it.
				w.Passes(time.Hour)
				if tt.then != nil && strings.Contains(name, "its own") {
					_, err := r.Reset(t.Context(), "pay-codeup", ada())
					must(t, err)
				}
				sync1(t, r, both)
			}
			w.settled(t, r, both)
			if got := w.Accounts[binding.Codeup]; got == nil || got.ID == account.ID {
				t.Errorf("codeup is not bound again: %+v", got)
			}
		})
	}
}

// TestAnAccountThatOurCredentialsMayNotBindAgainIsReported with what to do.
func TestAnAccountThatOurCredentialsMayNotBindAgainIsReported(t *testing.T) {
	w := rotated(t)
	w.FailOn("bind", worldtest.Fault{Before: &binding.Failure{Kind: binding.Forbidden, Code: "Forbidden.RAM", Op: message.Verbatim("registry: bind"), Hint: message.Verbatim("allow the call")}})
	r := reconcile.New(w.options())
	sync1(t, r, desire(gitlab()))
	got := conditionOf(t, r, "pay-gitlab", binding.Bound)
	for _, want := range []string{plan.ErrLost.Error(), "allow the call", "reconciler sync pay-gitlab"} {
		if got.Reason != status.ReasonBindingLost || !strings.Contains(text(got.Message), want) {
			t.Errorf("Bound: %s %s %q, want %q", got.Status, got.Reason, text(got.Message), want)
		}
	}
	if c := r.Conditions(); len(c) == 0 || c[0].Status != binding.False {
		t.Errorf("of the instance: %+v", c)
	}
	w.Fault = nil
	w.Passes(2 * time.Minute)
	synced(t, r, desire(gitlab()))
	w.settled(t, r, desire(gitlab()))
}
