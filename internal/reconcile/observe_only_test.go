package reconcile_test

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

func onlyObserved(d *binding.Declaration) { d.Spec.ManagementPolicy = binding.Observe }

// TestObserveWritesNothingToTheRegistry sets a managed binding to Observe, changes
// it in the console, and then removes its declaration.
func TestObserveWritesNothingToTheRegistry(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	unbinds := func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }
	synced(t, r, desire(gitlab(unbinds)))
	writes := func() int {
		n := 0
		for _, call := range []string{"bind", "unbind", "link", "unlink", "add-rule", "change-rule", "remove-rule"} {
			n += w.Count(call)
		}
		return n
	}
	before := writes()
	observed := desire(gitlab(unbinds, onlyObserved))
	synced(t, r, observed)
	if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True {
		t.Errorf("as declared, Ready is %+v", c)
	}
	w.Repos["pay/api"].Link.Trigger = binding.Manual
	synced(t, r, observed)
	if c := conditionOf(t, r, "pay-gitlab", binding.RepositoriesLinked); c.Status != binding.False || c.Reason != status.ReasonDiffers {
		t.Errorf("another trigger is reported as %+v", c)
	}
	w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
	synced(t, r, observed)
	if c := conditionOf(t, r, "pay-gitlab", binding.TokenFresh); c.Status != binding.False || c.Reason != status.ReasonNewerVersion {
		t.Errorf("a newer token is reported as %+v", c)
	}
	bound := w.Bound(binding.GitLab)
	synced(t, r, desire())
	if w.Bound(binding.GitLab) != bound {
		t.Error("the binding went with its declaration, which was only looked at")
	}
	w.ConsoleUnbinds(binding.GitLab)
	synced(t, r, observed)
	if c := conditionOf(t, r, "pay-gitlab", binding.Bound); c.Status != binding.False || !strings.Contains(text(c.Message), "observed only") {
		t.Errorf("unbound is reported as %+v", c)
	}
	if after := writes(); after != before {
		t.Errorf("%d writes for a binding that is only looked at: %v", after-before, w.Calls)
	}
}

// TestObserveKnowsNothingOfWhatItCannotSee checks that a driver without an API
// proves nothing, and that nobody is asked for steps.
func TestObserveKnowsNothingOfWhatItCannotSee(t *testing.T) {
	w := byHand()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(onlyObserved)))
	for _, of := range []binding.ConditionType{binding.Ready, binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent} {
		if c := conditionOf(t, r, "pay-gitlab", of); c.Status != binding.Unclear {
			t.Errorf("%s is %+v", of, c)
		}
	}
	if s := r.Statuses()[0]; len(s.Steps) > 0 || r.Awaiting()["pay-gitlab"] {
		t.Errorf("a person is asked for steps: %v", s.Steps)
	}
}
