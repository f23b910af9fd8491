package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// reports declares that drift is only reported.
func reports(d *binding.Declaration) { d.Spec.DriftPolicy = binding.Report }

// changesRule is a person who changes our rule of the branch main in the console.
func (l *lagging) changesRule(edit func(*sandbox.ImageRule)) {
	for _, rule := range l.Snapshot().Repositories[0].Rules {
		if rule.PushName == "main" && rule.ImageTag == "latest" {
			edit(&rule)
			l.ConsoleChangeRule("pay/api", rule)
		}
	}
}

// removesRule is a person who removes that rule.
func (l *lagging) removesRule() {
	for _, rule := range l.Snapshot().Repositories[0].Rules {
		if rule.PushName == "main" && rule.ImageTag == "latest" {
			l.ConsoleRemoveRule("pay/api", rule.ID)
		}
	}
}

// TestKind2ARuleThatAPersonChangedIsDrift holds that a rule of ours stays that rule when a
// person changes what identifies it: only reported, it is neither changed nor removed.
func TestKind2ARuleThatAPersonChangedIsDrift(t *testing.T) {
	main := sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: "latest"}
	observes := func(d *binding.Declaration) { d.Spec.ManagementPolicy = binding.Observe }
	for mode, enter := range map[string]func(*binding.Declaration){"Report": reports, "Observe": observes} {
		for name, edit := range map[string]func(*sandbox.ImageRule){
			"image tag": func(r *sandbox.ImageRule) { r.ImageTag = "latest2" },
			"branch":    func(r *sandbox.ImageRule) { r.PushName = "release" },
			"kind":      func(r *sandbox.ImageRule) { r.PushType = "GIT_TAG" },
			"into that of another of ours": func(r *sandbox.ImageRule) {
				r.PushType, r.PushName, r.ImageTag = "GIT_TAG", "v$version", "$version"
			},
		} {
			t.Run(mode+", "+name, func(t *testing.T) {
				l := appliedWorld(t)
				l.desired = desire(gitlab(enter))
				l.syncs(1, time.Minute)
				drifts := func(when string) {
					t.Helper()
					for _, o := range l.sync().Outcomes {
						if o.State != plan.Kept && o.Action.Kind != plan.Adopt {
							t.Errorf("%s: %s %s is %s", when, o.Action.Kind, o.Action.Object, o.State)
						}
						if !o.Action.Settled() && o.Action.Kind == plan.Noop && o.Action.Cause != plan.CauseDrift {
							t.Errorf("%s: %s has the cause %s: %s", when, o.Action.Object, o.Action.Cause, text(o.Action.Reason))
						}
					}
					if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False || c.Reason != "Differs" {
						t.Errorf("%s: Ready is %s (%s): %s", when, c.Status, c.Reason, text(c.Message))
					}
					l.called("DeleteRepoBuildRule", 0)
					l.called("UpdateRepoBuildRule", 0)
					l.called("CreateRepoBuildRule", 2)
				}
				l.changesRule(edit)
				l.Passes(time.Minute)
				drifts("changed")
				l.ConsoleAddRule("pay/api", main)
				l.Passes(time.Minute)
				drifts("and the declared one added")
				l.syncs(2, time.Minute)
				drifts("later")
				l.desired = desire(gitlab())
				l.ends()
				l.called("DeleteRepoBuildRule", 1)
			})
		}
	}
}

// TestKind2ReportAppliesWhatACommitChangesBesideDrift holds that drift of one object, only
// reported, delays no commit about another, nor one about itself.
func TestKind2ReportAppliesWhatACommitChangesBesideDrift(t *testing.T) {
	source := func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/moved" }
	trigger := func(d *binding.Declaration) { d.Spec.Repositories[0].Trigger = binding.Manual }
	dockerfile := func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile" }
	for name, drift := range map[string]func(*lagging){
		"another Dockerfile": func(l *lagging) { l.changesRule(func(r *sandbox.ImageRule) { r.DockerfileName = "Dockerfile.old" }) },
		"another image tag":  func(l *lagging) { l.changesRule(func(r *sandbox.ImageRule) { r.ImageTag = "latest2" }) },
		"another branch":     func(l *lagging) { l.changesRule(func(r *sandbox.ImageRule) { r.PushName = "release" }) },
		"removed":            func(l *lagging) { l.removesRule() },
	} {
		t.Run(name, func(t *testing.T) {
			l := appliedWorld(t, reports, next)
			drift(l)
			l.syncs(1, time.Minute)
			l.desired = desire(gitlab(reports, source, trigger))
			l.syncs(2, time.Minute)
			if s := l.Snapshot().Repositories[0].Source; s.Project != "pay/moved" || s.Auto {
				t.Errorf("the commit is not applied: %+v", s)
			}
			for _, rule := range l.Snapshot().Repositories[0].Rules {
				if rule.ImageTag == "next" {
					t.Error("the rule that the commit drops is still there")
				}
			}
			l.called("DeleteRepoBuildRule", 1)
			l.called("UpdateRepoBuildRule", 0)
			l.called("CreateRepoBuildRule", 3)
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False || c.Reason != "Differs" {
				t.Errorf("Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
			l.desired = desire(gitlab(reports, source, trigger, dockerfile))
			l.ends()
		})
	}
}

// TestKind2ARuleThatAPersonChangedMayBeDeclared holds that a commit may declare what a
// person made of a rule of ours, and later what it was before.
func TestKind2ARuleThatAPersonChangedMayBeDeclared(t *testing.T) {
	release := func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "release" }
	both := func(d *binding.Declaration) {
		release(d)
		d.Spec.Repositories[0].Rules = append(d.Spec.Repositories[0].Rules[:2:2], binding.BuildRule{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"})
	}
	tagged := func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].ImageTag = "released" }
	for _, mode := range []func(*binding.Declaration){reports, func(*binding.Declaration) {}} {
		l := appliedWorld(t, mode)
		l.changesRule(func(r *sandbox.ImageRule) { r.PushName, r.ImageTag = "release", "released" })
		l.desired = desire(gitlab(mode, release, tagged))
		l.ends()
		l.desired = desire(gitlab(mode, both, tagged))
		l.ends()
		l.called("DeleteRepoBuildRule", 0)
		l.called("CreateRepoBuildRule", 3)
	}
}
