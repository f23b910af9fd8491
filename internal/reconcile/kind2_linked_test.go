package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind2ALinkThatDiffersIsNotLinked: a link with a declared field that differs,
// and is not changed on purpose, is not shown as linked.
func TestKind2ALinkThatDiffersIsNotLinked(t *testing.T) {
	policies := map[string]func(*binding.Declaration){
		"Report":  func(d *binding.Declaration) { d.Spec.DriftPolicy = binding.Report },
		"Observe": func(d *binding.Declaration) { d.Spec.ManagementPolicy = binding.Observe },
	}
	flags := func(d *binding.Declaration) {
		d.Spec.Repositories[0].OverseasBuild, d.Spec.Repositories[0].BuildCache = new(false), new(true)
	}
	for name, tt := range map[string]struct {
		change  func(*sandbox.ImageSource)
		managed bool
	}{
		"another platform":             {func(s *sandbox.ImageSource) { s.Platform = "github" }, false},
		"another source":               {func(s *sandbox.ImageSource) { s.Project = "pay/other" }, false},
		"another trigger":              {func(s *sandbox.ImageSource) { s.Auto = !s.Auto }, false},
		"where it is built":            {func(s *sandbox.ImageSource) { s.Overseas = true }, true},
		"whether it has a build cache": {func(s *sandbox.ImageSource) { s.CacheDisabled = true }, true},
	} {
		for policy, edit := range policies {
			for _, declared := range []bool{true, false} {
				t.Run(name+", "+policy+map[bool]string{false: ", not declared"}[declared], func(t *testing.T) {
					edits := []func(*binding.Declaration){edit}
					if declared {
						edits = append(edits, flags)
					}
					l := appliedWorld(t, edits[1:]...)
					l.desired = desire(gitlab(edits...))
					l.syncs(1, time.Minute)
					source := *l.Snapshot().Repositories[0].Source
					tt.change(&source)
					l.ConsoleLink("pay/api", source)
					l.syncs(2, time.Minute)
					want := binding.False
					if tt.managed && !declared {
						want = binding.True
					}
					for _, of := range []binding.ConditionType{binding.Ready, binding.RepositoriesLinked} {
						if c := conditionOf(t, l.r, "pay-gitlab", of); c.Status != want {
							t.Errorf("%s is %s (%s), want %s", of, c.Status, c.Reason, want)
						}
					}
				})
			}
		}
	}
}
