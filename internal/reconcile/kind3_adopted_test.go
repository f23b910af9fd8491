package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestKind3WhatIsAdoptedIsRemembered checks that image repositories and rules that
// are adopted while their account waits for its rebind are adopted only once. After
// memory was lost, it is unknown which token is bound.
func TestKind3WhatIsAdoptedIsRemembered(t *testing.T) {
	web := func(d *binding.Declaration) {
		again := d.Spec.Repositories[0]
		again.Image = "pay/web"
		d.Spec.Adopt, d.Spec.Repositories = true, append(d.Spec.Repositories, again)
	}
	down := func(call string) func(*world) {
		return func(w *world) {
			w.FailOn(call, fault{Before: &binding.Failure{Kind: binding.Throttled, Op: message.Verbatim(call)}})
		}
	}
	works := func(w *world) { w.Fault = nil }
	for name, c := range map[string]struct {
		windows     func(*testing.T) plan.Windows
		waits, ends func(*world)
	}{
		"for a window":              {windows: nightly, waits: works, ends: works},
		"for the code host":         {waits: down("check-token"), ends: works},
		"for the registry's unbind": {waits: down("unbind"), ends: works},
		"for the secret store":      {waits: down("read"), ends: works},
	} {
		for _, policy := range []binding.DeletionPolicy{binding.Retain, binding.Unbind} {
			t.Run(name+", "+string(policy), func(t *testing.T) {
				w := newWorld()
				d := desire(gitlab(web, func(d *binding.Declaration) { d.Spec.DeletionPolicy = policy }))
				synced(t, reconcile.New(w.options()), d)
				w.forget(t, "pay-gitlab/gitlab")
				w.Accounts[binding.GitLab].Created = time.Time{}
				c.waits(w)
				start := func() *reconcile.Reconciler {
					o := w.options()
					if c.windows != nil {
						o.Windows = c.windows(t)
					}
					return reconcile.New(o)
				}
				for range 3 {
					r := start()
					for range 2 {
						w.Now = w.Now.Add(time.Second)
						sync1(t, r, d)
					}
				}
				c.ends(w)
				w.Now = w.Now.Add(2 * time.Hour)
				r := start()
				synced(t, r, d)
				w.settled(t, r, d)
				adopted := map[string]int{}
				for _, e := range w.History() {
					if e.Action == string(plan.Adopt) {
						adopted[e.Object.String()]++
					}
				}
				if len(adopted) != 6 {
					t.Errorf("adopted: %v, want 6 objects", adopted)
				}
				for object, n := range adopted {
					if n != 1 {
						t.Errorf("%s is adopted %d times", object, n)
					}
				}
			})
		}
	}
}
