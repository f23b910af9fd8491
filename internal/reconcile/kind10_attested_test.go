package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/worldtest"
)

// documented is a world whose registry serves only the documented calls: neither
// sources nor accounts can be read.
func documented() *world {
	w := newWorld()
	why := message.Verbatim("not served")
	w.Caps = binding.Capabilities{
		ReadRepositories: true, ReadRules: true, WriteRules: true, CreateRepositories: true,
		Reasons: map[string]message.Message{"listAccounts": why, "bind": why, "unbind": why, "readSources": why, "linkRepositories": why},
	}
	return w
}

// readLess makes the registry serve neither sources nor build rules.
func readLess(w *world) { w.Caps.ReadRules, w.Caps.WriteRules = false, false }

// TestKind10AConfirmedSourceGoesWithItsRepository: what a person confirmed about an
// image repository does not apply to a new one with the same name. One read that
// does not show the repository does not prove that it is gone.
func TestKind10AConfirmedSourceGoesWithItsRepository(t *testing.T) {
	const image = "pay/api"
	gone := func(w *world) { delete(w.Repos, image) }
	anew := func(w *world) { w.Repos[image] = &binding.RepositoryState{Exists: true} }
	once := func(w *world) {
		state, reads := w.Repos[image], 0
		w.Fault = func(call string) worldtest.Fault {
			if call == "repository "+image {
				if reads++; reads == 1 {
					delete(w.Repos, image)
				} else {
					w.Repos[image] = state
				}
			}
			return worldtest.Fault{}
		}
	}
	fails := func(w *world) {
		reads := 0
		w.Fault = func(call string) worldtest.Fault {
			if call == "repository "+image {
				if reads++; reads == 1 {
					delete(w.Repos, image)
				} else {
					return worldtest.Fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("registry: read repository")}}
				}
			}
			return worldtest.Fault{}
		}
	}
	calm := func(w *world) { w.Fault = nil; anew(w) }
	for name, tt := range map[string]struct {
		serves  func(*world)
		between []func(*world)
		restart bool
		keeps   bool
	}{
		"seen gone by one sync":               {nil, []func(*world){gone, anew}, false, false},
		"seen gone by several":                {nil, []func(*world){gone, gone, gone, anew}, false, false},
		"gone, and a restart":                 {nil, []func(*world){gone, anew}, true, false},
		"its build rules cannot be read":      {readLess, []func(*world){gone, anew}, false, false},
		"one read does not show it":           {nil, []func(*world){once, calm}, false, true},
		"one does not show it, the next fail": {nil, []func(*world){fails, calm}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := documented()
			anew(w)
			if tt.serves != nil {
				tt.serves(w)
			}
			r, d := reconcile.New(w.options()), desire(gitlab())
			synced(t, r, d)
			attested(t, r, "pay-gitlab")
			synced(t, r, d)
			if c := conditionOf(t, r, "pay-gitlab", binding.RepositoriesLinked); c.Status != binding.True {
				t.Fatalf("before: %+v", c)
			}
			for _, change := range tt.between {
				change(w)
				w.Passes(10 * time.Minute)
				sync1(t, r, d)
				if tt.restart {
					r = reconcile.New(w.options())
				}
			}
			sync1(t, r, d)
			c := conditionOf(t, r, "pay-gitlab", binding.RepositoriesLinked)
			if (c.Status == binding.True) != tt.keeps || r.Awaiting()["pay-gitlab"] == tt.keeps {
				t.Errorf("RepositoriesLinked is %s %s, a step waits: %v", c.Status, c.Reason, r.Awaiting()["pay-gitlab"])
			}
			if tt.keeps {
				return
			}
			attested(t, r, "pay-gitlab")
			synced(t, r, d)
			if c := conditionOf(t, r, "pay-gitlab", binding.RepositoriesLinked); c.Status != binding.True {
				t.Errorf("confirmed again: %+v", c)
			}
		})
	}
}
