package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestADeletionPolicyHoldsAlsoWhereItCouldNotBeWritten: a full disk does not lead
// to the removal of what was declared to be kept, or the other way around.
func TestADeletionPolicyHoldsAlsoWhereItCouldNotBeWritten(t *testing.T) {
	declared := func(p binding.DeletionPolicy) plan.Desired {
		return desire(gitlab(func(d *binding.Declaration) { d.Spec.DeletionPolicy = p }), codeup())
	}
	for name, tt := range map[string]struct {
		policies []binding.DeletionPolicy
		kept     bool
	}{
		"it was to go, and is to stay": {[]binding.DeletionPolicy{binding.Unbind, binding.Retain}, true},
		"it was to stay, and is to go": {[]binding.DeletionPolicy{binding.Retain, binding.Unbind}, false},
		"it changed twice":             {[]binding.DeletionPolicy{binding.Unbind, binding.Retain, binding.Unbind}, false},
		"the same twice":               {[]binding.DeletionPolicy{binding.Unbind, binding.Retain, binding.Retain}, true},
	} {
		for _, later := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, written later %t", name, later), func(t *testing.T) {
				w := newWorld()
				r := reconcile.New(w.options())
				synced(t, r, declared(tt.policies[0]))
				w.FailOn("store put-record", fault{Before: errDead})
				for _, p := range tt.policies[1:] {
					sync1(t, r, declared(p))
				}
				w.Fault = nil
				if later {
					sync1(t, r, declared(tt.policies[len(tt.policies)-1]))
					r = reconcile.New(w.options())
				}
				w.Now = w.Now.Add(time.Hour)
				sync1(t, r, desire(codeup()))
				if kept := w.Bound(binding.GitLab) != ""; kept != tt.kept {
					t.Errorf("kept %t, want %t", kept, tt.kept)
				}
			})
		}
	}
}

// TestADeletionPolicyHoldsAlsoWhereNothingCouldBePlanned: while the store has no
// space and the syncs fail completely, a different policy is declared, and then
// nothing is. Once there is space again, the process writes what was declared last,
// or passes it on to the next reconciler.
func TestADeletionPolicyHoldsAlsoWhereNothingCouldBePlanned(t *testing.T) {
	declared := func(p binding.DeletionPolicy) plan.Desired {
		return desire(gitlab(func(d *binding.Declaration) { d.Spec.DeletionPolicy = p }), codeup())
	}
	broken := desire(codeup())
	broken.Broken = []string{"pay/binding.yaml"}
	for name, next := range map[string]func(*world, *reconcile.Reconciler) *reconcile.Reconciler{
		"by the same process": func(_ *world, r *reconcile.Reconciler) *reconcile.Reconciler { return r },
		"after a restart":     func(w *world, _ *reconcile.Reconciler) *reconcile.Reconciler { return reconcile.New(w.options()) },
		"after a reload and a restart": func(w *world, r *reconcile.Reconciler) *reconcile.Reconciler {
			second := reconcile.New(w.options())
			second.Inherit(r, true)
			w.FailOn("store put-record", fault{Before: errDead})
			_, _ = second.Sync(t.Context(), broken, binding.DepthPreflight)
			w.Fault = nil
			sync1(t, second, broken)
			return reconcile.New(w.options())
		},
	} {
		for policy, before := range map[binding.DeletionPolicy]binding.DeletionPolicy{binding.Retain: binding.Unbind, binding.Unbind: binding.Retain} {
			t.Run(fmt.Sprintf("%s, to %s", name, policy), func(t *testing.T) {
				w := newWorld()
				r := reconcile.New(w.options())
				synced(t, r, declared(before))
				unseen := w.Records()["pay-gitlab/gitlab"]
				unseen.Written = binding.Write{At: w.Clock()}
				w.remember(t, unseen) // That the write was shown cannot be written.
				w.FailOn("store put-record", fault{Before: errDead})
				if _, err := r.Sync(t.Context(), declared(policy), binding.DepthPreflight); err == nil {
					t.Fatal("the sync does not fail")
				}
				if w.Fault = nil; name != "after a reload and a restart" {
					sync1(t, r, broken)
				}
				r = next(w, r)
				w.Now = w.Now.Add(time.Hour)
				sync1(t, r, desire(codeup()))
				if kept := w.Bound(binding.GitLab) != ""; kept != (policy == binding.Retain) {
					t.Errorf("kept %t", kept)
				}
			})
		}
	}
}
