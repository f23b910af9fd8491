package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
	"reconciler/internal/worldtest"
)

// TestKind2AWithdrawnStepMayBeDone: once a person was asked to set up something
// else, it is unknown what is set up, even after the step is withdrawn. A step is
// pending until a person confirms what is declared.
func TestKind2AWithdrawnStepMayBeDone(t *testing.T) {
	other := func(edit func(*binding.Declaration)) func(*world) plan.Desired {
		return func(*world) plan.Desired { return desire(gitlab(edit)) }
	}
	pinned := func(version int) func(*world) plan.Desired {
		return func(w *world) plan.Desired {
			w.Tokens["acr/gitlab"] = []string{"canary-gitlab-1", "canary-gitlab-2"}
			return desire(gitlab(func(d *binding.Declaration) { d.Spec.Token.Vault.Version = version }))
		}
	}
	unbind := func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Unbind }
	for name, tt := range map[string]struct {
		declared, meanwhile, back func(*world) plan.Desired
		of                        binding.ConditionType
	}{
		"another account": {other(func(*binding.Declaration) {}), other(func(d *binding.Declaration) { d.Spec.Username = "other" }), nil, binding.Bound},
		"nothing":         {other(unbind), func(*world) plan.Desired { return desire(codeup()) }, nil, binding.Bound},
		"another version": {other(func(*binding.Declaration) {}), pinned(0), pinned(1), binding.Bound},
		"another source":  {other(func(*binding.Declaration) {}), other(func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" }), nil, binding.RepositoriesLinked},
		"no source":       {other(unbind), other(func(d *binding.Declaration) { unbind(d); d.Spec.Repositories = []binding.Repository{} }), nil, binding.RepositoriesLinked},
		"another rule":    {other(func(*binding.Declaration) {}), other(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "other" }), nil, binding.RulesCurrent},
		"another name": {other(unbind), func(w *world) plan.Desired {
			return other(func(d *binding.Declaration) { unbind(d); d.Name = "renamed"; d.Spec.Username = "other" })(w)
		}, nil, binding.Bound},
	} {
		for _, restart := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				w := byHand()
				r, back := reconcile.New(w.options()), tt.declared
				if tt.back != nil {
					back = tt.back
				}
				synced(t, r, tt.declared(w))
				attested(t, r, "pay-gitlab")
				synced(t, r, tt.declared(w))
				if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True {
					t.Fatalf("before: %+v", c)
				}
				sync1(t, r, tt.meanwhile(w))
				sync1(t, r, tt.meanwhile(w))
				if restart {
					r = reconcile.New(w.options())
				}
				for range 3 {
					w.Passes(10 * time.Minute)
					sync1(t, r, back(w))
				}
				for _, of := range []binding.ConditionType{tt.of, binding.Ready} {
					if c := conditionOf(t, r, "pay-gitlab", of); c.Status == binding.True || c.Reason != status.ReasonAwaitingPerson {
						t.Errorf("%s is %s (%s): %s", of, c.Status, c.Reason, text(c.Message))
					}
				}
				for _, h := range w.History() {
					if h.ID == "history.step-done" {
						t.Errorf("the history says that a step is done: %+v", h)
					}
				}
				if name == "another name" {
					attested(t, r, "pay-gitlab")
				} else {
					attestedAgain(t, w, r, "pay-gitlab")
				}
				w.settled(t, r, back(w))
				synced(t, r, back(w))
				if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True {
					t.Errorf("confirmed again: %+v", c)
				}
			})
		}
	}
}

// TestKind2AWithdrawnStepAboutRules: the registry can be asked about sources, and not
// about build rules.
func TestKind2AWithdrawnStepAboutRules(t *testing.T) {
	w := newWorld()
	readLess(w)
	w.Caps.Reasons = map[string]message.Message{"readRules": message.Verbatim("not served")}
	r, d := reconcile.New(w.options()), desire(gitlab())
	for range 2 {
		sync1(t, r, d)
	}
	attested(t, r, "pay-gitlab")
	synced(t, r, d)
	if c := conditionOf(t, r, "pay-gitlab", binding.RulesCurrent); c.Status != binding.True {
		t.Fatalf("before: %+v", c)
	}
	sync1(t, r, desire(gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "other" })))
	sync1(t, r, d)
	if c := conditionOf(t, r, "pay-gitlab", binding.RulesCurrent); c.Status != binding.False || c.Reason != status.ReasonAwaitingPerson {
		t.Errorf("RulesCurrent is %s (%s)", c.Status, c.Reason)
	}
	attestedAgain(t, w, r, "pay-gitlab")
	synced(t, r, d)
	if c := conditionOf(t, r, "pay-gitlab", binding.RulesCurrent); c.Status != binding.True {
		t.Errorf("confirmed again: %+v", c)
	}
}

// TestKind2AStepIsNotShownUnwritten: a person is asked for a step only after the
// records say what the step makes unknown.
func TestKind2AStepIsNotShownUnwritten(t *testing.T) {
	w := byHand()
	r, d := reconcile.New(w.options()), desire(gitlab())
	synced(t, r, d)
	attested(t, r, "pay-gitlab")
	synced(t, r, d)
	w.FailOn("store put-record", fault{Before: errors.New("disk full")})
	other := desire(gitlab(func(d *binding.Declaration) { d.Spec.Username = "other" }))
	if err := sync1(t, r, other).Err(); err == nil {
		t.Error("nothing failed")
	}
	w.Fault = nil
	sync1(t, r, other)
	sync1(t, r, d)
	if c := conditionOf(t, r, "pay-gitlab", binding.Bound); c.Status == binding.True {
		t.Errorf("Bound is %s (%s)", c.Status, c.Reason)
	}
}

// TestKind11ASilentStoreConfirmsNothing: if the secret store does not answer, a
// pending step does not count as done.
func TestKind11ASilentStoreConfirmsNothing(t *testing.T) {
	for name, serves := range map[string]func() *world{"by hand": byHand, "as documented": documented} {
		t.Run(name, func(t *testing.T) {
			w := serves()
			r, d := reconcile.New(w.options()), desire(gitlab())
			synced(t, r, d)
			attested(t, r, "pay-gitlab")
			synced(t, r, d)
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
			sync1(t, r, d)
			before := map[binding.ConditionType]binding.ConditionStatus{}
			all := []binding.ConditionType{binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent}
			for _, of := range all {
				before[of] = conditionOf(t, r, "pay-gitlab", of).Status
			}
			w.FailOn("metadata", worldtest.Fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.New("op.vault.read")}})
			w.Passes(time.Minute)
			sync1(t, r, d)
			for _, of := range all {
				if c := conditionOf(t, r, "pay-gitlab", of); c.Status != before[of] || !c.LastKnown {
					t.Errorf("%s was %s and is %s (%s): %s", of, before[of], c.Status, c.Reason, text(c.Message))
				}
			}
		})
	}
}

// TestKind2ARenamedBindingKeepsWhoConfirmedIt: after a binding is renamed, its
// status still says who confirmed it and when.
func TestKind2ARenamedBindingKeepsWhoConfirmedIt(t *testing.T) {
	w := byHand()
	r, d := reconcile.New(w.options()), desire(gitlab())
	synced(t, r, d)
	attested(t, r, "pay-gitlab")
	synced(t, r, d)
	want := text(conditionOf(t, r, "pay-gitlab", binding.Bound).Message)
	w.Passes(time.Hour)
	renamed := desire(gitlab(func(d *binding.Declaration) { d.Name = "billing-gitlab" }))
	for range 2 {
		sync1(t, r, renamed)
		r2 := reconcile.New(w.options())
		sync1(t, r2, renamed)
		for _, r := range []*reconcile.Reconciler{r, r2} {
			if c := conditionOf(t, r, "billing-gitlab", binding.Bound); text(c.Message) != want || c.Reason != status.ReasonConfirmed {
				t.Errorf("Bound (%s) is %q, want %q", c.Reason, text(c.Message), want)
			}
		}
	}
}
