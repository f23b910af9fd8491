package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
)

// TestKind8AWithdrawnStepIsNotDone: a person is asked to unbind an account that the
// registry shows, and it is declared again. Nobody did anything.
func TestKind8AWithdrawnStepIsNotDone(t *testing.T) {
	for name, restart := range map[string]bool{"at once": false, "after a restart": true} {
		for _, overdue := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := newWorld()
				w.Caps.Unbind = false
				w.Caps.Reasons = map[string]message.Message{"unbind": message.Verbatim("not served")}
				w.Accounts[binding.GitHub] = &binding.Account{ID: "7", Platform: binding.GitHub, Username: "octo", Created: w.Now}
				r, both, one := reconcile.New(w.options()), desire(codeup(), github()), desire(codeup())
				synced(t, r, both)
				before := len(w.History())
				sync1(t, r, one)
				if overdue {
					w.Passes(30 * 24 * time.Hour)
					sync1(t, r, one)
				}
				if restart {
					r = reconcile.New(w.options())
				}
				for range 2 {
					w.Passes(time.Minute)
					sync1(t, r, both)
				}
				asked := 0
				for _, h := range w.History()[before:] {
					if h.Outcome == "waiting" {
						asked++
					}
					if h.ID == "history.step-done" {
						t.Errorf("the history says that a step is done: %+v", h)
					}
				}
				if asked != 1 {
					t.Errorf("%d steps were asked for", asked)
				}
			})
		}
	}
}
