package reconcile_test

import (
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// at sets the revision of declarations.
func at(revision string, ds ...binding.Declaration) plan.Desired {
	d := plan.Desired{Revision: revision, Declarations: ds}
	for i := range ds {
		d.Declarations[i].Revision = revision
	}
	return d.Indexed()
}

// ofOther is a declaration of a different instance.
func ofOther(edit func(*binding.Declaration)) binding.Declaration {
	return gitlab(func(d *binding.Declaration) {
		d.Name, d.File, d.Spec.Instance = "other-gitlab", "other/gitlab.yaml", "other"
		d.Spec.Token.Vault.Path = "acr/other"
		if edit != nil {
			edit(d)
		}
	})
}

// TestACommitCostsOnlyTheInstancesThatItTouches: the others make no calls, and show
// the new commit.
func TestACommitCostsOnlyTheInstancesThatItTouches(t *testing.T) {
	for name, c := range map[string]struct {
		commit  plan.Desired
		touches bool
	}{
		"the same files":                        {at("2", gitlab(), ofOther(nil)), false},
		"another instance has one more binding": {at("2", gitlab(), ofOther(nil), ofOther(func(d *binding.Declaration) { d.Name, d.Spec.Platform = "other-codeup", binding.Codeup })), false},
		"another instance has none any more":    {at("2", gitlab()), false},
		"another instance's rule":               {at("2", gitlab(), ofOther(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = nil })), false},
		"another instance's token":              {at("2", gitlab(), ofOther(func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/third" })), false},
		"our token for another instance": {at("2", gitlab(), ofOther(func(d *binding.Declaration) {
			d.Spec.Token.Vault, d.Spec.Address = gitlab().Spec.Token.Vault, "https://git.example.net"
		})), true},
		"our user":              {at("2", gitlab(func(d *binding.Declaration) { d.Spec.Username = "bot2" }), ofOther(nil)), true},
		"our file moved":        {at("2", gitlab(func(d *binding.Declaration) { d.File = "moved.yaml" }), ofOther(nil)), true},
		"one more of ours":      {at("2", gitlab(), codeup(), ofOther(nil)), true},
		"none of ours any more": {at("2", ofOther(nil)), true},
		"a broken file":         {func() plan.Desired { d := at("2", gitlab()); d.Broken = []string{"x.yaml"}; return d }(), true},
		"a rewritten history":   {func() plan.Desired { d := at("2", gitlab(), ofOther(nil)); d.Rewritten = true; return d }(), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				r, l, syncs := loopAnd(t, w)
				l.Submit(at("1", gitlab(), ofOther(nil)))
				synctest.Wait()
				calls, before := len(w.Calls), syncs.Load()
				l.Submit(c.commit)
				synctest.Wait()
				if touched := syncs.Load() > before; touched != c.touches {
					t.Errorf("%d syncs, want one: %v", syncs.Load()-before, c.touches)
				}
				if made := w.Calls[calls:]; !c.touches && len(made) > 0 {
					t.Errorf("it cost %v", made)
				}
				for _, s := range r.Statuses() {
					if s.Name == "pay-gitlab" && len(c.commit.Of(instance)) > 0 && s.Revision != "2" {
						t.Errorf("%s is shown at commit %s", s.Name, s.Revision)
					}
				}
				if last := r.Last(); last.Revision != "2" {
					t.Errorf("the last round is of commit %s", last.Revision)
				}
				// The loop looks for drift as before, with the new commit.
				w.ConsoleUnbinds(binding.GitLab)
				after(11 * time.Minute)
				if last := r.Last(); last.Revision != "2" || syncs.Load() == before {
					t.Errorf("%d syncs, the last of commit %s", syncs.Load(), last.Revision)
				}
			})
		})
	}
}

// TestACommitDuringASyncIsNotMissed: it is unknown yet whether the sync under way
// reaches it, and a sync that failed reaches nothing.
func TestACommitDuringASyncIsNotMissed(t *testing.T) {
	for name, fail := range map[string]bool{"it succeeds": false, "it fails": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				w.Dead = fail
				_, l, syncs := loopAnd(t, w)
				l.Submit(at("1", gitlab()))
				if !fail {
					time.Sleep(0) // The sync may have begun.
				} else {
					synctest.Wait()
				}
				before := syncs.Load()
				l.Submit(at("2", gitlab()))
				synctest.Wait()
				if syncs.Load() == before {
					t.Error("the commit was not synced")
				}
			})
		})
	}
}
