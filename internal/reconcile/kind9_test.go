package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind9RemovalRemembersWhatItMade checks that what we made stays known as ours
// after its binding is removed, or kept: nothing is left behind, and declaring it
// again works without adopt: true.
func TestKind9RemovalRemembersWhatItMade(t *testing.T) {
	otherwise := func(d *binding.Declaration) {
		d.Spec.Repositories[0].Source = "pay/moved"
		for i := range d.Spec.Repositories[0].Rules {
			d.Spec.Repositories[0].Rules[i].Dockerfile = "/build/Dockerfile"
		}
	}
	renamed := func(d *binding.Declaration) { d.Name = "renamed" }
	rules := func(l *lagging) int { return len(l.Snapshot().Repositories[0].Rules) }
	for name, tt := range map[string]struct {
		policy binding.DeletionPolicy
		person func(l *lagging)
		// left are the rules that stay after the declaration is removed.
		left  int
		again []func(*binding.Declaration)
	}{
		"a person unlinks": {binding.Unbind, func(l *lagging) { l.ConsoleUnlink("pay/api") }, 0, nil},
		"a person unlinks and unbinds": {binding.Unbind, func(l *lagging) {
			l.ConsoleUnlink("pay/api")
			l.ConsoleUnbind("gitlab")
		}, 0, nil},
		"a person unlinks, and it comes back under another name": {
			binding.Unbind, func(l *lagging) { l.ConsoleUnlink("pay/api") }, 0, []func(*binding.Declaration){renamed},
		},
		"a person links another source": {binding.Unbind, func(l *lagging) {
			l.ConsoleLink("pay/api", sandbox.ImageSource{Platform: "gitlab", Project: "eve/api", Auto: true})
		}, 2, nil},
		"a person links another source, and it comes back under another name": {binding.Unbind, func(l *lagging) {
			l.ConsoleLink("pay/api", sandbox.ImageSource{Platform: "gitlab", Project: "eve/api", Auto: true})
		}, 2, []func(*binding.Declaration){renamed}},
		"it is retained": {binding.Retain, func(*lagging) {}, 2, nil},
		"it is retained, and comes back under another name and account": {binding.Retain, func(l *lagging) { l.ConsoleUnbind("gitlab") }, 2, []func(*binding.Declaration){
			renamed, func(d *binding.Declaration) { d.Spec.Username = "ci-two" },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l := appliedWorld(t, func(d *binding.Declaration) { d.Spec.DeletionPolicy = tt.policy })
			tt.person(l)
			l.desired = desire()
			l.syncs(6, 40*time.Second)
			if n := rules(l); n != tt.left {
				t.Errorf("%d rules are left, want %d", n, tt.left)
			}
			if source := l.Snapshot().Repositories[0].Source; source != nil && source.Project == "eve/api" {
				l.ConsoleUnlink("pay/api")
			}
			l.desired = desire(gitlab(append(tt.again, otherwise)...))
			l.ends()
			if n := rules(l); n != 2 {
				t.Errorf("%d rules in the end", n)
			}
		})
	}
}

func TestKind9WhatIsTakenBackIsMadeAgain(t *testing.T) {
	otherwise := func(d *binding.Declaration) {
		d.Spec.Repositories[0].Source = "pay/moved"
		for i := range d.Spec.Repositories[0].Rules {
			d.Spec.Repositories[0].Rules[i].Dockerfile = "/build/Dockerfile"
		}
	}
	rules := func(l *lagging) int { return len(l.Snapshot().Repositories[0].Rules) }
	t.Run("an image repository that is dropped and declared again", func(t *testing.T) {
		l := appliedWorld(t, unbinds)
		l.desired = desire(gitlab(unbinds, func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} }))
		l.ConsoleUnlink("pay/api")
		l.syncs(2, time.Second)
		if n := rules(l); n != 0 {
			t.Errorf("%d rules are left", n)
		}
		l.desired = desire(gitlab(unbinds, otherwise))
		l.ends()
	})
	t.Run("a removal that the registry takes back", func(t *testing.T) {
		l := appliedWorld(t, unbinds)
		made := l.Snapshot().Repositories[0].Rules
		l.desired = desire()
		l.sync()
		l.Passes(10 * time.Minute / 4)
		if l.sync(); rules(l) != 0 || len(l.Accounts()) != 0 {
			t.Fatalf("left: %+v", l.Snapshot())
		}
		l.desired = desire(gitlab())
		l.ends()
		for _, rule := range l.Snapshot().Repositories[0].Rules {
			if rule.ID == made[0].ID || rule.ID == made[1].ID {
				t.Errorf("rule %d was not removed", rule.ID)
			}
		}
	})
}

// TestKind9RemovedBindingsAreForgotten checks that a removed binding is forgotten
// once nothing is left of it.
func TestKind9RemovedBindingsAreForgotten(t *testing.T) {
	l := appliedWorld(t, unbinds)
	l.desired = desire()
	l.sync()
	if r := l.Records()["pay-gitlab/gitlab"]; !r.Removed || r.Managed {
		t.Errorf("right after the removal: %+v", r)
	}
	l.syncs(4, time.Minute)
	if len(l.Records()) != 0 {
		t.Errorf("%+v: remembered with nothing left", l.Records())
	}
}
