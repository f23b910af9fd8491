package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// TestKind2AChangeThatNeedsWhatDoesNotAnswerIsNotReady: what was last known is
// about what was declared then, and not about a declaration that came while the
// registry or the secret store did not answer.
func TestKind2AChangeThatNeedsWhatDoesNotAnswerIsNotReady(t *testing.T) {
	for name, tt := range map[string]struct {
		world   func() *world
		down    string
		edit    func(*binding.Declaration)
		unknown []binding.ConditionType
	}{
		"another username, accounts": {newWorld, "account", func(d *binding.Declaration) { d.Spec.Username = "other" }, []binding.ConditionType{binding.Bound}},
		"another username, the registry": {
			newWorld, "capabilities", func(d *binding.Declaration) { d.Spec.Username = "other" },
			[]binding.ConditionType{binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent},
		},
		"another username, a person, the secret store": {
			byHand, "metadata", func(d *binding.Declaration) { d.Spec.Username = "other" },
			[]binding.ConditionType{binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent},
		},
		"another token, the secret store": {
			newWorld, "metadata", func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/codeup" }, []binding.ConditionType{binding.SecretAvailable},
		},
		"another token, a person, the secret store": {
			byHand, "metadata", func(d *binding.Declaration) { d.Spec.Token.Vault.Key = "other" }, []binding.ConditionType{binding.SecretAvailable},
		},
		"another source, repositories": {
			newWorld, "repository", func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" },
			[]binding.ConditionType{binding.RepositoriesLinked, binding.RulesCurrent},
		},
		"another Dockerfile, repositories": {
			newWorld, "repository", func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/other" }, []binding.ConditionType{binding.RulesCurrent},
		},
		"a rule less, the registry": {
			newWorld, "capabilities", func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = d.Spec.Repositories[0].Rules[:1] },
			[]binding.ConditionType{binding.RulesCurrent},
		},
		"no image repositories, accounts": {newWorld, "account", func(d *binding.Declaration) { d.Spec.Repositories = nil }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := tt.world()
			r, before := reconcile.New(w.options()), desire(gitlab())
			synced(t, r, before)
			if !w.Caps.Bind {
				attested(t, r, "pay-gitlab")
			}
			synced(t, r, before)
			w.Passes(time.Minute)
			w.FailOn(tt.down, fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.New("op.vault.read")}})
			changed := desire(gitlab(tt.edit))
			sync1(t, r, changed)
			if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.False || c.Reason != status.ReasonNotApplied {
				t.Errorf("Ready after the change: %s %s: %s", c.Status, c.Reason, text(c.Message))
			}
			w.Passes(time.Minute)
			sync1(t, r, changed)
			if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.False || c.Reason != status.ReasonNotApplied+status.SuffixLastKnown {
				t.Errorf("Ready a sync later: %s %s: %s", c.Status, c.Reason, text(c.Message))
			}
			for _, of := range tt.unknown {
				if c := conditionOf(t, r, "pay-gitlab", of); c.Status != binding.Unclear {
					t.Errorf("%s: %s %s: %s", of, c.Status, c.Reason, text(c.Message))
				}
			}
		})
	}
}

// TestKind11WhatIsDeclaredAsBeforeIsLastKnown: a change that needs no answer from
// what is down does not affect what was known.
func TestKind11WhatIsDeclaredAsBeforeIsLastKnown(t *testing.T) {
	for name, edit := range map[string]func(*binding.Declaration){
		"an owner":             func(d *binding.Declaration) { d.Spec.Owner = &binding.Contact{Name: "Ada"} },
		"a way to write it":    func(d *binding.Declaration) { d.Spec.Address += "/" },
		"what a removal keeps": func(d *binding.Declaration) { d.Spec.DeletionPolicy = binding.Retain },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab()))
			w.Passes(time.Minute)
			w.FailOn("account", fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.New("op.vault.read")}})
			sync1(t, r, desire(gitlab(edit)))
			for _, of := range []binding.ConditionType{binding.Ready, binding.Bound} {
				if c := conditionOf(t, r, "pay-gitlab", of); c.Status != binding.True || !c.LastKnown {
					t.Errorf("%s: %s %s: %s", of, c.Status, c.Reason, text(c.Message))
				}
			}
		})
	}
}

// TestKind2AChangeIsNotReadyBeforeASyncCanBegin: after a sync that fails before it
// plans, a changed declaration is not applied, and an unchanged one is last known.
func TestKind2AChangeIsNotReadyBeforeASyncCanBegin(t *testing.T) {
	for _, at := range []string{"Records", "RetryStates"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld()
			o := w.options()
			store := &failingStore{Store: o.Store}
			o.Store = store
			r := reconcile.New(o)
			synced(t, r, desire(gitlab(), codeup()))
			w.Passes(time.Minute)
			store.at = at
			changed := desire(gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" }), codeup())
			for range 2 {
				if _, err := r.Sync(t.Context(), changed, binding.DepthLive); err == nil {
					t.Fatal("the sync did not fail")
				}
				if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.False || c.Reason != status.ReasonNotApplied {
					t.Errorf("Ready: %s %s: %s", c.Status, c.Reason, text(c.Message))
				}
				for _, of := range []binding.ConditionType{binding.RepositoriesLinked, binding.RulesCurrent} {
					if c := conditionOf(t, r, "pay-gitlab", of); c.Status != binding.Unclear {
						t.Errorf("%s: %s %s", of, c.Status, c.Reason)
					}
				}
				if c := conditionOf(t, r, "pay-gitlab", binding.Bound); c.Status != binding.True || !c.LastKnown {
					t.Errorf("Bound: %s %s", c.Status, c.Reason)
				}
				if c := conditionOf(t, r, codeup().Name, binding.Ready); c.Status != binding.True || !c.LastKnown {
					t.Errorf("Ready of what is declared as before: %s %s", c.Status, c.Reason)
				}
			}
			store.at = ""
			synced(t, r, changed)
			if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True {
				t.Errorf("Ready at the end: %s %s: %s", c.Status, c.Reason, text(c.Message))
			}
		})
	}
}

// TestKind2WhatIsDeclaredBackOrSuspendedIsNoUnappliedChange: an answer about what
// is declared now counts, and the change of a suspended binding is known to wait
// for the suspension.
func TestKind2WhatIsDeclaredBackOrSuspendedIsNoUnappliedChange(t *testing.T) {
	other := func(d *binding.Declaration) { d.Spec.Username = "other" }
	suspended := func(d *binding.Declaration) {
		other(d)
		d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)), Reason: "freeze"}
	}
	for name, tt := range map[string]struct {
		down  string
		edits []func(*binding.Declaration)
		want  string
	}{
		"declared back":                {"metadata", []func(*binding.Declaration){other, func(*binding.Declaration) {}}, ""},
		"suspended, the registry":      {"capabilities", []func(*binding.Declaration){suspended}, status.ReasonSuspended},
		"suspended, only accounts":     {"account", []func(*binding.Declaration){suspended}, status.ReasonSuspended},
		"not suspended, only accounts": {"account", []func(*binding.Declaration){other}, status.ReasonNotApplied},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab()))
			w.FailOn(tt.down, fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.New("op.vault.read")}})
			for _, edit := range tt.edits {
				w.Passes(time.Minute)
				sync1(t, r, desire(gitlab(edit)))
			}
			c, want := conditionOf(t, r, "pay-gitlab", binding.Ready), binding.False
			if tt.want == "" {
				tt.want, want = string(binding.Transient), binding.Unclear
			}
			if c.Reason != tt.want || c.Status != want {
				t.Errorf("%s %s: %s", c.Status, c.Reason, text(c.Message))
			}
		})
	}
}
