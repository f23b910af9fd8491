package reconcile_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind3APersonsRuleIsNotTheEffectOfOurs: the answer to the addition of a rule
// is lost, and it had no effect. A person then adds a rule with the same name and a
// different Dockerfile. It belongs to the person, so it is not changed without
// adopt: true.
func TestKind3APersonsRuleIsNotTheEffectOfOurs(t *testing.T) {
	l := appliedWorld(t)
	l.registry.Faults.Add(sandbox.Fault{Times: 1, Status: http.StatusGatewayTimeout, Match: func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/rules")
	}})
	l.desired = desire(gitlab(next))
	l.sync()
	l.Passes(10 * time.Second)
	l.ConsoleAddRule("pay/api", sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: "next", DockerfileLocation: "/", DockerfileName: "Dockerfile.person", ImageTag: "next"})
	l.Passes(10 * time.Second)
	l.sync()
	l.syncs(6, 5*time.Minute)
	l.called("UpdateRepoBuildRule", 0)
	for _, r := range l.Snapshot().Repositories[0].Rules {
		if r.ImageTag == "next" && r.DockerfileName != "Dockerfile.person" {
			t.Errorf("the person's rule was changed: %+v", r)
		}
	}
	if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != binding.False {
		t.Errorf("Ready is %s %s", c.Status, c.Reason)
	}
}

// TestKind3And12AClockSetBackDoesNotEndAnOpenWrite: a rule's addition has no answer and
// its effect comes 15 s later; our clock is set back meanwhile.
func TestKind3And12AClockSetBackDoesNotEndAnOpenWrite(t *testing.T) {
	for name, back := range map[string]time.Duration{"an hour": -time.Hour, "30 days": -30 * 24 * time.Hour} {
		for what, lost := range map[string]bool{"the answer is lost": true, "it is answered": false} {
			t.Run(name+", "+what, func(t *testing.T) {
				l := appliedWorld(t)
				l.registry.Faults.Add(sandbox.Fault{Times: 1, DropResponse: true, Match: func(r *http.Request) bool {
					return lost && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/rules")
				}})
				l.SetReadLag(sandbox.ReadLag{By: 30 * time.Second})
				l.desired = desire(gitlab(next))
				l.sync()
				l.ahead -= back // The registry's clock is right.
				l.Passes(back)
				l.syncs(20, 5*time.Second)
				l.called("CreateRepoBuildRule", 3)
				for _, twice := range l.builtTwice() {
					t.Error(twice)
				}
			})
		}
	}
}
