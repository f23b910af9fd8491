package reconcile_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// TestKind4ASecondRuleForAnImageTag checks that an image tag that two rules build
// is never shown as ready, and that a second rule of ours is removed.
func TestKind4ASecondRuleForAnImageTag(t *testing.T) {
	main := sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: "latest"}
	old, dev := main, main
	old.DockerfileName, dev.PushName = "Dockerfile.old", "dev"
	for name, rule := range map[string]sandbox.ImageRule{
		"the same": main, "another Dockerfile": old, "another branch": dev,
	} {
		t.Run("a person adds "+name, func(t *testing.T) {
			l := appliedWorld(t)
			l.ConsoleAddRule("pay/api", rule)
			result := l.sync()
			if !slices.ContainsFunc(result.Outcomes, func(o plan.Outcome) bool { return o.Action.Cause == plan.CauseDuplicateRule }) {
				t.Error("no action names it")
			}
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False {
				t.Errorf("Ready is %s (%s)", c.Status, c.Reason)
			}
			// A changed declaration changes our rule, and the other rule stays.
			l.desired = desire(gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile" }))
			l.syncs(2, time.Minute)
			l.called("DeleteRepoBuildRule", 0)
			l.called("UpdateRepoBuildRule", 1)
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False {
				t.Errorf("after a change: Ready is %s (%s)", c.Status, c.Reason)
			}
		})
	}
	t.Run("ours, made twice", func(t *testing.T) {
		l := appliedWorld(t)
		l.ConsoleAddRule("pay/api", old)
		rules := l.Snapshot().Repositories[0].Rules
		second := rules[len(rules)-1]
		r := l.Records()["pay-gitlab/gitlab"]
		r.Images[0].Rules = append(slices.Clone(r.Images[0].Rules), binding.RecordedRule{ID: strconv.FormatInt(second.ID, 10), Key: "branch:main=>latest", Dockerfile: "/Dockerfile.old"})
		l.remember(t, r)
		l.sync()
		l.ends()
		l.called("DeleteRepoBuildRule", 1)
	})
}

// TestKind4AnotherRuleForAnImageTagHoldsNothingUp: a rule of others is only
// reported, and what is declared is applied.
func TestKind4AnotherRuleForAnImageTagHoldsNothingUp(t *testing.T) {
	main := sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: "latest"}
	repository := func(edit func(*binding.Repository)) plan.Desired {
		return desire(gitlab(func(d *binding.Declaration) { edit(&d.Spec.Repositories[0]) }))
	}
	for name, tt := range map[string]struct {
		change                            func(l *lagging)
		removed, added, updated, relinked int
	}{
		"a surplus copy of ours is removed": {func(l *lagging) {
			l.ConsoleAddRule("pay/api", main)
			rules := l.Snapshot().Repositories[0].Rules
			r := l.Records()["pay-gitlab/gitlab"]
			r.Images[0].Rules = append(slices.Clone(r.Images[0].Rules), binding.RecordedRule{ID: strconv.FormatInt(rules[len(rules)-1].ID, 10), Key: "branch:main=>latest", Dockerfile: "/Dockerfile"})
			l.remember(l.t, r)
		}, 1, 2, 0, 1},
		"another branch builds the tag": {func(l *lagging) {
			l.desired = repository(func(r *binding.Repository) { r.Rules[0].Branch = "release" })
		}, 1, 3, 0, 1},
		"a rule is dropped": {func(l *lagging) {
			l.desired = repository(func(r *binding.Repository) {
				r.Rules = append(r.Rules, binding.BuildRule{Branch: "dev", Dockerfile: "/Dockerfile", ImageTag: "dev"})
			})
			l.syncs(1, time.Minute)
			l.desired = repository(func(*binding.Repository) {})
		}, 1, 3, 0, 1},
		"the source is another one": {func(l *lagging) {
			l.desired = repository(func(r *binding.Repository) { r.Source = "pay/moved" })
		}, 0, 2, 0, 2},
		"another Dockerfile": {func(l *lagging) {
			l.desired = repository(func(r *binding.Repository) { r.Rules[0].Dockerfile = "/build/Dockerfile" })
		}, 0, 2, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := appliedWorld(t)
			tt.change(l)
			l.ConsoleAddRule("pay/api", main)
			l.syncs(3, time.Minute)
			l.called("DeleteRepoBuildRule", tt.removed)
			l.called("CreateRepoBuildRule", tt.added)
			l.called("UpdateRepoBuildRule", tt.updated)
			l.called("UpdateRepoSourceRepo", tt.relinked)
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False {
				t.Errorf("Ready is %s (%s)", c.Status, c.Reason)
			}
		})
	}
}

// TestKind4ARuleThatMayNotBeRemovedHasNoSecond: while something prevents the
// removal of the old rule for an image tag, the new one is not added.
func TestKind4ARuleThatMayNotBeRemovedHasNoSecond(t *testing.T) {
	branch := func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "release" }
	pushed := func(d *binding.Declaration) {
		rule := &d.Spec.Repositories[0].Rules[0]
		rule.Branch, rule.Tag = "", "r$version"
	}
	for name, hold := range map[string]func(*plan.Desired){
		"a file is broken":         func(d *plan.Desired) { d.Broken = []string{"other.yaml"} },
		"the history is rewritten": func(d *plan.Desired) { d.Rewritten = true },
		"both":                     func(d *plan.Desired) { d.Broken, d.Rewritten = []string{"other.yaml"}, true },
	} {
		for what, edit := range map[string]func(*binding.Declaration){"another branch": branch, "a tag instead": pushed} {
			t.Run(name+", "+what, func(t *testing.T) {
				l := appliedWorld(t)
				l.desired = desire(gitlab(edit))
				hold(&l.desired)
				l.syncs(3, time.Minute)
				if twice := l.builtTwice(); len(twice) > 0 {
					t.Errorf("built twice: %v", twice)
				}
				if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False {
					t.Errorf("Ready is %s (%s)", c.Status, c.Reason)
				}
				l.desired = desire(gitlab(edit))
				l.ends()
				l.called("DeleteRepoBuildRule", 1)
				l.called("CreateRepoBuildRule", 3)
			})
		}
	}
}

// TestKind2RulesAreNotCurrentWhereATagIsBuiltTwice in every mode, even if nothing
// is planned for the rules.
func TestKind2RulesAreNotCurrentWhereATagIsBuiltTwice(t *testing.T) {
	main := sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: "latest"}
	old, dev := main, main
	old.DockerfileName, dev.PushName = "Dockerfile.old", "dev"
	rules := map[string]sandbox.ImageRule{"the same": main, "another Dockerfile": old, "another branch": dev}
	declared := func(edit func(*binding.Spec)) func(*lagging) {
		return func(l *lagging) { l.desired = desire(gitlab(func(d *binding.Declaration) { edit(&d.Spec) })) }
	}
	for mode, enter := range map[string]func(*lagging){
		"Manage":  func(*lagging) {},
		"Observe": declared(func(s *binding.Spec) { s.ManagementPolicy = binding.Observe }),
		"Report":  declared(func(s *binding.Spec) { s.DriftPolicy = binding.Report }),
		"suspended": declared(func(s *binding.Spec) {
			s.Suspend = &binding.Suspend{Until: binding.DateOf(time.Now().Add(48 * time.Hour))}
		}),
		"by a person": func(l *lagging) {
			must(l.t, l.State.PutSuspension(l.t.Context(), binding.Suspension{Instance: instance, Binding: "pay-gitlab", Until: time.Now().Add(48 * time.Hour)}))
		},
		"the secret store is down": func(l *lagging) { l.FailOn("read", fault{Before: errDead}) },
	} {
		for name, rule := range rules {
			t.Run(mode+", "+name, func(t *testing.T) {
				l := appliedWorld(t)
				enter(l)
				l.sync()
				if c := conditionOf(t, l.r, "pay-gitlab", binding.RulesCurrent); c.Status != binding.True {
					t.Fatalf("before: RulesCurrent is %s (%s)", c.Status, c.Reason)
				}
				l.ConsoleAddRule("pay/api", rule)
				l.syncs(2, time.Minute)
				for _, of := range []binding.ConditionType{binding.RulesCurrent, binding.Ready} {
					if c := conditionOf(t, l.r, "pay-gitlab", of); c.Status != binding.False {
						t.Errorf("%s is %s (%s)", of, c.Status, c.Reason)
					}
				}
			})
		}
	}
}
