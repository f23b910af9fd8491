package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestKind8TheHistoryHasTheOutcomeOfEveryWrite, including a write that a crash or a
// lost answer left open and that a later run found done.
func TestKind8TheHistoryHasTheOutcomeOfEveryWrite(t *testing.T) {
	bound := func(t *testing.T, w *world) {
		t.Helper()
		if !slices.ContainsFunc(w.History(), func(h binding.HistoryEntry) bool {
			return h.Action == string(plan.Bind) && h.Outcome == string(plan.Done)
		}) {
			t.Errorf("%s is bound, and the history does not say so: %+v", w.Bound(binding.GitLab), w.History())
		}
	}
	bare := gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
	t.Run("a crash", func(t *testing.T) {
		w := newWorld()
		r := w.restarted()
		w.Fault = func(call string) worldtest.Fault {
			w.Dead = w.Dead || call == "bind gitlab"
			return worldtest.Fault{}
		}
		sync1(t, r, desire(bare))
		w.Dead, w.Fault = false, nil
		r = w.restarted()
		w.Passes(5 * time.Minute)
		synced(t, r, desire(bare))
		bound(t, w)
	})
	t.Run("a lost answer", func(t *testing.T) {
		w := newWorld()
		r := w.restarted()
		w.Fault = func(call string) worldtest.Fault {
			switch call {
			case "bind gitlab":
				return worldtest.Fault{After: errDead}
			case "account gitlab":
				if w.Effects["bind gitlab"] > 0 {
					return worldtest.Fault{Before: errDead}
				}
			}
			return worldtest.Fault{}
		}
		sync1(t, r, desire(bare))
		w.Fault = nil
		w.Passes(5 * time.Minute)
		synced(t, r, desire(bare))
		bound(t, w)
	})
}

// TestKind8TheHistoryHasTheUnbindOfARebind: an account was unbound for a new token, and the
// process ended before it could record what became of the bind, or of the unbind itself.
func TestKind8TheHistoryHasTheUnbindOfARebind(t *testing.T) {
	bare := gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
	for name, tt := range map[string]struct {
		dies string
		// done is true if the call at which the process ends has its effect.
		done bool
		// crashes is how often the process ends at a bind.
		crashes int
		// unbinds are the entries about the unbind.
		unbinds int
	}{
		"the bind hangs":                     {"bind gitlab", false, 1, 1},
		"the bind hangs twice":               {"bind gitlab", false, 2, 1},
		"the bind is done":                   {"bind gitlab", true, 1, 1},
		"right after the unbind":             {"unbind gitlab", true, 1, 1},
		"before the unbind":                  {"unbind gitlab", false, 1, 0},
		"the answer to the bind is lost":     {"", false, 0, 0},
		"nothing goes wrong with the rebind": {"none", false, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := w.restarted()
			synced(t, r, desire(bare))
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
			w.Passes(time.Hour)
			for range tt.crashes {
				w.Fault = func(call string) worldtest.Fault {
					if call != tt.dies {
						return worldtest.Fault{}
					}
					if w.Dead = true; tt.done {
						return worldtest.Fault{After: errDead}
					}
					return worldtest.Fault{Before: errDead}
				}
				sync1(t, r, desire(bare))
				if w.Dead, w.Fault = false, nil; tt.dies == "unbind gitlab" && !tt.done {
					break
				}
				r = w.restarted()
				for range 2 {
					w.FailOn("bind", fault{Before: &binding.Failure{Kind: binding.Forbidden, Fault: binding.FaultCredentials}})
					w.Passes(5 * time.Minute)
					sync1(t, r, desire(bare))
				}
				w.Fault = nil
			}
			if tt.dies == "" {
				w.FailOn("bind", fault{Before: errDead})
				sync1(t, r, desire(bare))
				w.Fault = nil
			}
			for range 3 {
				w.Passes(time.Hour)
				sync1(t, r, desire(bare))
			}
			w.settled(t, r, desire(bare))
			unbinds := 0
			for _, h := range w.History() {
				if h.Action == string(plan.Unbind) {
					unbinds++
				}
			}
			if unbinds != tt.unbinds {
				t.Errorf("%d unbinds in %+v, want %d", unbinds, w.History(), tt.unbinds)
			}
		})
	}
}

// TestKind2AStepThatIsTakenBackIsNotDone: a person was asked for a step, and the
// declaration no longer asks for it. Nobody did it.
func TestKind2AStepThatIsTakenBackIsNotDone(t *testing.T) {
	w := newWorld()
	r := w.restarted()
	synced(t, r, desire(gitlab()))
	w.Caps.LinkRepositories = false
	w.Passes(5 * time.Minute)
	sync1(t, r, desire(gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" })))
	if conditionOf(t, r, "pay-gitlab", binding.Ready).Reason != "AwaitingPerson" {
		t.Fatal("nobody is asked")
	}
	w.Passes(5 * time.Minute)
	synced(t, r, desire(gitlab()))
	for _, h := range w.History() {
		if h.ID == "history.step-done" {
			t.Errorf("%s %s %s: %s", h.Action, h.Object, h.Outcome, h.ID)
		}
	}
}
