package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind3WhatIsShownIsNotWaitedFor: somebody replaces our rule with a different
// one. Once that rule is changed or removed, and the registry shows it, nothing is
// "not visible yet", whatever our first rule was.
func TestKind3WhatIsShownIsNotWaitedFor(t *testing.T) {
	other := sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile.other", ImageTag: "latest"}
	next := func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Branch = "next" }
	same := func(*binding.Declaration) {}
	for name, tt := range map[string]struct {
		age  time.Duration
		then func(*binding.Declaration)
	}{
		"a moment after ours was made":                {time.Second, same},
		"long after ours was made":                    {time.Hour, same},
		"and another rule is declared then":           {time.Second, next},
		"and another rule is declared long afterward": {time.Hour, next},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLagging(t, gitlab())
			l.sync()
			l.syncs(1, tt.age)
			l.ConsoleRemoveRule("pay/api", l.Snapshot().Repositories[0].Rules[0].ID)
			l.ConsoleAddRule("pay/api", other)
			l.syncs(1, time.Second)
			l.desired = desire(gitlab(tt.then))
			l.syncs(2, time.Second)
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.True {
				t.Errorf("Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
			l.ends()
		})
	}
}
