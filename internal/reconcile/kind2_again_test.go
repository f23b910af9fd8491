package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
)

// silent fails the calls with these prefixes, and no others.
func (w *world) silent(calls ...string) {
	w.Fault = func(call string) fault {
		if slices.ContainsFunc(calls, func(of string) bool { return strings.HasPrefix(call, of) }) {
			return fault{Before: &binding.Failure{Kind: binding.Transient, Op: message.New("op.vault.read")}}
		}
		return fault{}
	}
}

// changes are changes that need an answer from the registry or the secret store.
func changes() map[string]func(*binding.Declaration) {
	return map[string]func(*binding.Declaration){
		"another username":   func(d *binding.Declaration) { d.Spec.Username = "other" },
		"another address":    func(d *binding.Declaration) { d.Spec.Address = "https://git.example.com" },
		"another token":      func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/codeup" },
		"a pinned version":   func(d *binding.Declaration) { d.Spec.Token.Vault.Version = 1 },
		"another source":     func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/other" },
		"another trigger":    func(d *binding.Declaration) { d.Spec.Repositories[0].Trigger = binding.Manual },
		"no repositories":    func(d *binding.Declaration) { d.Spec.Repositories = nil },
		"another Dockerfile": func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/other" },
		"a rule less":        func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = d.Spec.Repositories[0].Rules[:1] },
		"what a removal does, and a rule less": func(d *binding.Declaration) {
			d.Spec.DeletionPolicy, d.Spec.Repositories[0].Rules = binding.Unbind, d.Spec.Repositories[0].Rules[:1]
		},
	}
}

// TestKind2WhatIsDeclaredAgainIsLastKnown: a declaration was not applied, because
// nothing answered, and is reverted. What was known about the previous declaration
// is then known again.
func TestKind2WhatIsDeclaredAgainIsLastKnown(t *testing.T) {
	third := func(d *binding.Declaration) { d.Spec.Username, d.Spec.Repositories = "third", nil }
	for change, edit := range changes() {
		for name, tt := range map[string]struct {
			down  string
			edits []func(*binding.Declaration)
		}{
			"at once":                       {"capabilities", []func(*binding.Declaration){edit}},
			"after several syncs":           {"capabilities", []func(*binding.Declaration){edit, edit, edit}},
			"after a third declaration":     {"capabilities", []func(*binding.Declaration){edit, third, edit}},
			"after syncs that cannot begin": {"", []func(*binding.Declaration){edit, edit}},
		} {
			t.Run(change+", "+name, func(t *testing.T) {
				w := newWorld()
				o := w.options()
				store := &failingStore{Store: o.Store}
				o.Store = store
				r := reconcile.New(o)
				synced(t, r, desire(gitlab()))
				w.Passes(time.Minute)
				sync1(t, r, desire(gitlab()))
				known := w.Clock()
				if tt.down == "" {
					store.at = "Records"
				} else {
					w.silent(tt.down, "metadata")
				}
				for _, e := range tt.edits {
					w.Passes(time.Minute)
					_, _ = r.Sync(t.Context(), desire(gitlab(e)), binding.DepthPreflight)
					if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.False {
						t.Fatalf("Ready after the change: %s %s: %s", c.Status, c.Reason, text(c.Message))
					}
				}
				for range 2 {
					w.Passes(time.Minute)
					_, _ = r.Sync(t.Context(), desire(gitlab()), binding.DepthPreflight)
					for _, of := range []binding.ConditionType{binding.Ready, binding.Bound, binding.RepositoriesLinked, binding.RulesCurrent, binding.SecretAvailable} {
						if c := conditionOf(t, r, "pay-gitlab", of); c.Status != binding.True || !c.LastKnown || !c.Known.Equal(known) {
							t.Errorf("%s is %s %s, known at %s: %s", of, c.Status, c.Reason, c.Known, text(c.Message))
						}
					}
				}
				store.at = ""
				w.silent()
				synced(t, r, desire(gitlab()))
				w.settled(t, r, desire(gitlab()))
				if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.Status != binding.True || c.LastKnown {
					t.Errorf("Ready at the end: %s %s: %s", c.Status, c.Reason, text(c.Message))
				}
			})
		}
	}
}

// TestKind2WhatIsDeclaredAgainIsNotKnownOnceItChanged: what was written or answered
// meanwhile counts, and so does the time that has passed.
func TestKind2WhatIsDeclaredAgainIsNotKnownOnceItChanged(t *testing.T) {
	both := func(d *binding.Declaration) {
		d.Spec.Username, d.Spec.Repositories[0].Source = "other", "pay/other"
	}
	rule := func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/other" }
	for name, tt := range map[string]struct {
		before string
		edit   func(*binding.Declaration)
		after  time.Duration
		want   map[binding.ConditionType]binding.ConditionStatus
	}{
		"the account was bound": {
			"repository", both, time.Minute,
			map[binding.ConditionType]binding.ConditionStatus{binding.Ready: binding.False, binding.Bound: binding.Unclear},
		},
		"it is too old": {
			"capabilities", rule, 24 * time.Hour,
			map[binding.ConditionType]binding.ConditionStatus{binding.Ready: binding.Unclear, binding.Bound: binding.Unclear, binding.RulesCurrent: binding.Unclear},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			o := w.options()
			o.Policy.StatusMaxAge = time.Hour
			r := reconcile.New(o)
			synced(t, r, desire(gitlab()))
			w.silent(tt.before)
			w.Passes(time.Minute)
			sync1(t, r, desire(gitlab(tt.edit)))
			w.silent("capabilities")
			w.Passes(tt.after)
			sync1(t, r, desire(gitlab()))
			for of, want := range tt.want {
				if c := conditionOf(t, r, "pay-gitlab", of); c.Status != want {
					t.Errorf("%s is %s %s: %s", of, c.Status, c.Reason, text(c.Message))
				}
			}
		})
	}
}
