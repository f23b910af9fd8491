package reconcile_test

import (
	"maps"
	"slices"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// TestKind10ARecordFollowsItsFile: moving a file changes nothing in the registry,
// and the record still shows which declaration was first.
func TestKind10ARecordFollowsItsFile(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	effects := maps.Clone(w.Effects)
	synced(t, r, desire(gitlab(func(d *binding.Declaration) { d.File = "team/pay.yaml" })))
	if got := w.Records()["pay-gitlab/gitlab"].File; got != "team/pay.yaml" {
		t.Errorf("the record names %s", got)
	}
	if !maps.Equal(effects, w.Effects) {
		t.Errorf("the registry was written to: %v, before %v", w.Effects, effects)
	}
}

// TestKind10WhatAnInvalidFileHoldsIsNotReady: for a binding that an invalid file
// may declare, it is unknown whether it is as declared.
func TestKind10WhatAnInvalidFileHoldsIsNotReady(t *testing.T) {
	for name, tt := range map[string]struct {
		declared []binding.Declaration
		broken   []string
		restart  bool
		held     bool
	}{
		"its own file":                  {[]binding.Declaration{codeup()}, []string{"pay.yaml"}, false, true},
		"its own file, after a restart": {[]binding.Declaration{codeup()}, []string{"pay.yaml"}, true, true},
		"it went into an invalid file":  {[]binding.Declaration{codeup()}, []string{"other.yaml"}, false, true},
		"the policies":                  {nil, []string{"policies/x.cue"}, true, true},
		"another file":                  {[]binding.Declaration{gitlab(), codeup()}, []string{"other.yaml"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			r := reconcile.New(w.options())
			synced(t, r, desire(gitlab(), codeup()))
			if tt.restart {
				r = reconcile.New(w.options())
			}
			sync1(t, r, plan.Desired{Revision: "r2", Declarations: tt.declared, Broken: tt.broken})
			got := conditionOf(t, r, "pay-gitlab", binding.Ready)
			if held := got.Status == binding.False && got.Reason == status.ReasonFileBroken; held != tt.held {
				t.Errorf("Ready: %+v", got)
			}
			if w.Accounts[binding.GitLab] == nil {
				t.Error("the account was unbound")
			}
			healed := desire(gitlab(), codeup())
			sync1(t, r, healed)
			if names := slices.Collect(maps.Keys(w.Records())); len(names) != 2 || conditionOf(t, r, "pay-gitlab", binding.Ready).Status != binding.True {
				t.Errorf("fixed: %v, %+v", names, conditionOf(t, r, "pay-gitlab", binding.Ready))
			}
		})
	}
}

// TestKind10WhatWasRetainedBeforeStaysNotDeclared: a file that becomes invalid
// later does not change that.
func TestKind10WhatWasRetainedBeforeStaysNotDeclared(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(), codeup()))
	synced(t, r, desire(codeup()))
	sync1(t, r, plan.Desired{Revision: "r3", Declarations: []binding.Declaration{codeup()}, Broken: []string{"other.yaml"}})
	if got := conditionOf(t, r, "pay-gitlab", binding.Declared); got.Reason != status.ReasonNotDeclared {
		t.Errorf("Declared: %+v", got)
	}
}
