package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/sandbox"
)

// undeclared are ways in which what is applied is no longer declared, and stays.
func undeclared() map[string]plan.Desired {
	edited := func(edit func(*binding.Declaration)) plan.Desired { return desire(gitlab(edit)) }
	return map[string]plan.Desired{
		"binding":      desire(),
		"image":        edited(func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }),
		"repositories": edited(func(d *binding.Declaration) { d.Spec.Repositories = nil }),
		"rules":        edited(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = nil }),
	}
}

// TestKind9WhatIsDeclaredAgainIsNoDrift: something is retained when its declaration
// goes, and a person changes it. When it is declared again, it is judged as if it was
// declared for the first time, except that what we left counts as ours.
func TestKind9WhatIsDeclaredAgainIsNoDrift(t *testing.T) {
	link := func(l *lagging, source string, auto bool) {
		l.ConsoleLink("pay/api", sandbox.ImageSource{Platform: "gitlab", Project: source, Auto: auto})
	}
	evil := func(l *lagging) sandbox.ImageRule {
		changed := l.Snapshot().Repositories[0].Rules[0]
		changed.DockerfileLocation = "/evil/"
		return changed
	}
	account, source, rule := []string{"binding"}, []string{"binding", "image", "repositories"}, []string{"binding", "image", "repositories", "rules"}
	for name, tt := range map[string]struct {
		// gone is what the declaration lacks for a while.
		gone   []string
		person func(l *lagging)
		// want is the action on what the person changed.
		want string
	}{
		"another account is bound": {account, func(l *lagging) {
			l.ConsoleUnbind("gitlab")
			l.ConsoleBind("gitlab", "https://gitlab.example.com", "mallory")
		}, "forbidden account (adopt-required): kept"},
		"the account is unbound":   {account, func(l *lagging) { l.ConsoleUnbind("gitlab") }, "bind account (absent): done"},
		"nothing is changed":       {account, func(*lagging) {}, "adopt account (already-there): done"},
		"another source is linked": {source, func(l *lagging) { link(l, "eve/api", true) }, "forbidden pay/api (adopt-required): kept"},
		"the source is unlinked":   {source, func(l *lagging) { l.ConsoleUnlink("pay/api") }, "link pay/api (absent): done"},
		"the trigger is changed":   {source, func(l *lagging) { link(l, "pay/api", false) }, "relink pay/api (declaration-changed): done"},
		"the source is as it was":  {source, func(*lagging) {}, "adopt pay/api (already-there): done"},
		"the Dockerfile is changed": {
			rule, func(l *lagging) { l.ConsoleChangeRule("pay/api", evil(l)) },
			"change-rule pay/api#branch:main=>latest (declaration-changed): done",
		},
		"the rule is removed": {
			rule, func(l *lagging) { l.ConsoleRemoveRule("pay/api", evil(l).ID) },
			"add-rule pay/api#branch:main=>latest (absent): done",
		},
		"the rule is changed into another": {rule, func(l *lagging) {
			changed := evil(l)
			changed.PushName = "next"
			l.ConsoleChangeRule("pay/api", changed)
		}, "add-rule pay/api#branch:main=>latest (absent): done"},
		"the rule is replaced": {rule, func(l *lagging) {
			changed := evil(l)
			l.ConsoleRemoveRule("pay/api", changed.ID)
			l.ConsoleAddRule("pay/api", changed)
		}, "forbidden pay/api#branch:main=>latest (adopt-required): kept"},
		"the rule is as it was": {rule, func(*lagging) {}, "adopt pay/api#branch:main=>latest (already-there): done"},
	} {
		for _, gone := range tt.gone {
			for _, policy := range []binding.DriftPolicy{binding.Correct, binding.Report} {
				t.Run(fmt.Sprintf("%s, %s, %s", name, gone, policy), func(t *testing.T) {
					l := appliedWorld(t, func(d *binding.Declaration) { d.Spec.DriftPolicy = policy })
					declared := l.desired
					l.desired = undeclared()[gone]
					l.syncs(3, 3*time.Minute)
					tt.person(l)
					l.syncs(2, 3*time.Minute)
					l.desired = declared
					l.Passes(time.Minute)
					var all []string
					for _, o := range l.sync().Outcomes {
						all = append(all, fmt.Sprintf("%s %s (%s): %s", o.Action.Kind, o.Action.Object, o.Action.Cause, o.State))
					}
					if !slices.Contains(all, tt.want) {
						t.Errorf("got %q, want %q", all, tt.want)
					}
				})
			}
		}
	}
}

// TestKind9WhatIsDeclaredAgainAndAppliedIsDeclared: once it is applied again, a
// difference is drift again.
func TestKind9WhatIsDeclaredAgainAndAppliedIsDeclared(t *testing.T) {
	for name, person := range map[string]func(l *lagging){
		"account": func(l *lagging) { l.ConsoleUnbind("gitlab") },
		"pay/api": func(l *lagging) { l.ConsoleUnlink("pay/api") },
		"pay/api#branch:main=>latest": func(l *lagging) {
			l.ConsoleRemoveRule("pay/api", l.Snapshot().Repositories[0].Rules[0].ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := appliedWorld(t)
			declared := l.desired
			l.desired = desire()
			l.syncs(2, 3*time.Minute)
			l.desired = declared
			l.syncs(2, 3*time.Minute)
			person(l)
			l.Passes(time.Minute)
			drifted := slices.ContainsFunc(l.sync().Outcomes, func(o plan.Outcome) bool {
				return o.Action.Object.String() == name && o.Action.Cause == plan.CauseDrift && o.State == plan.Done
			})
			if !drifted {
				t.Error("it is not repaired as drift")
			}
			l.ends()
		})
	}
}

// TestKind9WhatIsDeclaredAgainIsNoRepair: a commit declares again what a person
// removed meanwhile. It waits for a window, even if repairs do not.
func TestKind9WhatIsDeclaredAgainIsNoRepair(t *testing.T) {
	l := appliedWorld(t)
	declared := l.desired
	l.desired = desire()
	l.syncs(2, 3*time.Minute)
	l.ConsoleUnbind("gitlab")
	l.ConsoleUnlink("pay/api")
	l.o.Windows = nightly(t)
	l.o.Windows.LetRepairsThrough = true
	for open, at := false, l.Now; !open || !l.closed(); open = open || !l.closed() {
		if l.Passes(time.Hour); l.Now.Sub(at) > 48*time.Hour {
			t.Fatal("the window never closes")
		}
	}
	l.r = l.restarted()
	l.desired = declared
	if got := states(l.sync())["bind account"]; got != plan.Deferred {
		t.Errorf("the bind is %s", got)
	}
	if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Reason != "OutsideWindow" {
		t.Errorf("Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
	}
}

// closed reports whether the windows are closed now.
func (l *lagging) closed() bool { return !l.o.Windows.At(l.Clock()).Open }

// TestKind9WhatAnotherBindingLeftIsOurs: an image repository goes from one binding to
// another, is dropped there, and comes back. Nobody else touched it.
func TestKind9WhatAnotherBindingLeftIsOurs(t *testing.T) {
	for _, policy := range []binding.DriftPolicy{binding.Correct, binding.Report} {
		t.Run(string(policy), func(t *testing.T) {
			first := func(edit ...func(*binding.Declaration)) binding.Declaration {
				return gitlab(append(edit, func(d *binding.Declaration) { d.Spec.DriftPolicy = policy })...)
			}
			none := func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }
			other, takes := codeup(), codeup()
			other.Spec.DeletionPolicy, takes.Spec.DeletionPolicy = binding.Retain, binding.Retain
			other.Spec.Repositories, takes.Spec.Repositories = []binding.Repository{}, first().Spec.Repositories
			w := newWorld()
			r := reconcile.New(w.options())
			for _, d := range []plan.Desired{desire(first(), other), desire(first(none), other), desire(first(none), takes), desire(first(none), other)} {
				synced(t, r, d)
				w.Passes(10 * time.Minute)
			}
			again := desire(first(), other)
			if got := states(sync1(t, r, again))["relink pay/api"]; got != plan.Done {
				t.Errorf("the relink is %s", got)
			}
			for _, e := range w.History() {
				if e.Action == string(plan.Relink) && e.ID != "reason.declaration-changed" {
					t.Errorf("history: %s %s", e.ID, e.Object)
				}
			}
			w.settled(t, r, again)
		})
	}
}
