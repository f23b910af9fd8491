package reconcile_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"pgregory.net/rapid"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// late is a fault of one write that takes effect later.
func late(method, path string, after time.Duration, cut bool) sandbox.Fault {
	f := sandbox.Fault{
		Times: 1, EffectAfter: after, Cut: cut,
		Match: func(r *http.Request) bool { return r.Method == method && r.URL.Path == path },
	}
	if !cut {
		f.Status = http.StatusGatewayTimeout
	}
	return f
}

// TestKind3AbsenceIsNotConcludedFromOneRead checks that a write which a read does
// not show yet is neither repeated nor counted as drift.
func TestKind3AbsenceIsNotConcludedFromOneRead(t *testing.T) {
	t.Run("a rule that reads show after 5 s, two pushes within them", func(t *testing.T) {
		l := appliedWorld(t)
		l.SetReadLag(sandbox.ReadLag{By: 5 * time.Second})
		l.desired = desire(gitlab(next))
		l.sync()
		l.requireNotReady("pay-gitlab")
		l.desired.Revision = "r2"
		l.syncs(6, 400*time.Millisecond)
		l.ends()
		l.called("CreateRepoBuildRule", 3)
	})
	t.Run("a bind that reads show after 30 s, and a new token version", func(t *testing.T) {
		l := newLagging(t, gitlab())
		l.SetReadLag(sandbox.ReadLag{Object: "gitlab", By: 30 * time.Second})
		l.sync()
		l.requireNotReady("pay-gitlab")
		l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
		l.syncs(6, 10*time.Second)
		l.ends()
		if v := l.tokenVersion(); v != 2 || !l.TokenIs("gitlab", "canary-gitlab-2") {
			t.Errorf("version %d is recorded, the second one is bound: %t", v, l.TokenIs("gitlab", "canary-gitlab-2"))
		}
		l.called("CreateUserSourceAccount", 2)
	})
	t.Run("reads that go back and forth", func(t *testing.T) {
		l := appliedWorld(t)
		l.SetReadLag(sandbox.ReadLag{By: time.Minute, Flip: true})
		l.desired = desire(gitlab(next))
		l.sync()
		l.syncs(20, 3*time.Second)
		l.ends()
		l.called("CreateRepoBuildRule", 3)
		l.called("UpdateRepoSourceRepo", 1)
	})
	t.Run("an old value of a changed rule and link", func(t *testing.T) {
		l := appliedWorld(t)
		l.SetReadLag(sandbox.ReadLag{By: 30 * time.Second})
		l.desired = desire(gitlab(func(d *binding.Declaration) {
			d.Spec.Repositories[0].Trigger = binding.Manual
			d.Spec.Repositories[0].Rules = []binding.BuildRule{{Branch: "main", Dockerfile: "/build/Dockerfile", ImageTag: "latest"}}
		}))
		l.sync()
		l.syncs(12, 3*time.Second)
		l.ends()
		l.called("UpdateRepoBuildRule", 1)
		l.called("UpdateRepoSourceRepo", 2)
		l.called("DeleteRepoBuildRule", 1)
	})
	t.Run("drift after a write that was shown is repaired at once", func(t *testing.T) {
		l := newLagging(t, gitlab())
		l.sync()
		l.Passes(5 * time.Second)
		l.ConsoleUnlink("pay/api")
		l.ConsoleUnbind("gitlab")
		l.sync()
		l.called("CreateUserSourceAccount", 2)
		l.called("UpdateRepoSourceRepo", 2)
		l.ends()
	})
}

// TestKind3AWriteWithoutAnAnswerIsNotRepeatedTooSoon, however late its effect comes.
func TestKind3AWriteWithoutAnAnswerIsNotRepeatedTooSoon(t *testing.T) {
	const rules, accounts = "/repos/pay/api/rules", "/users/sourceAccount"
	t.Run("a rule whose effect comes 15 s after a 504", func(t *testing.T) {
		l := appliedWorld(t)
		l.registry.Faults.Add(late(http.MethodPut, rules, 15*time.Second, false))
		l.desired = desire(gitlab(next))
		l.sync()
		l.syncs(12, 3*time.Second)
		l.ends()
		l.called("CreateRepoBuildRule", 3)
	})
	t.Run("a rule whose effect comes 80 s after the connection was cut", func(t *testing.T) {
		l := appliedWorld(t)
		l.registry.Faults.Add(late(http.MethodPut, rules, 80*time.Second, true))
		l.desired = desire(gitlab(next))
		l.sync()
		l.syncs(12, 10*time.Second)
		l.ends()
		l.called("CreateRepoBuildRule", 3)
	})
	t.Run("a bind whose effect comes 20 s after the connection was cut", func(t *testing.T) {
		l := newLagging(t, gitlab())
		l.registry.Faults.Add(late(http.MethodPut, accounts, 20*time.Second, true))
		l.sync()
		l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
		l.syncs(12, 3*time.Second)
		l.ends()
		if v := l.tokenVersion(); v != 2 || !l.TokenIs("gitlab", "canary-gitlab-2") {
			t.Errorf("version %d is recorded, the second one is bound: %t", v, l.TokenIs("gitlab", "canary-gitlab-2"))
		}
		l.called("CreateUserSourceAccount", 2)
	})
	t.Run("a write without any effect is repeated in the end", func(t *testing.T) {
		l := appliedWorld(t)
		l.registry.Faults.Add(sandbox.Fault{Times: 1, Status: http.StatusGatewayTimeout, Match: func(r *http.Request) bool { return r.Method == http.MethodPut }})
		l.desired = desire(gitlab(next))
		l.sync()
		l.syncs(10, 10*time.Second)
		l.called("CreateRepoBuildRule", 3)
		l.ends()
		l.called("CreateRepoBuildRule", 4)
	})
	t.Run("an unbind whose effect comes 15 s after a 504", func(t *testing.T) {
		l := appliedWorld(t, unbinds)
		l.registry.Faults.Add(sandbox.Fault{
			Times: 1, EffectAfter: 15 * time.Second, Status: http.StatusGatewayTimeout,
			Match: func(r *http.Request) bool {
				return r.Method == http.MethodDelete && len(r.URL.Path) > len(accounts) && r.URL.Path[:len(accounts)] == accounts
			},
		})
		l.desired = desire()
		l.sync()
		l.syncs(12, 3*time.Second)
		l.ends()
		l.called("DeleteUserSourceAccount", 1)
	})
}

// TestKind3ARebindIsMadeOnceWhileReadsGoBackAndForth: reads show accounts that were bound
// before.
func TestKind3ARebindIsMadeOnceWhileReadsGoBackAndForth(t *testing.T) {
	for name, restart := range map[string]bool{"": false, ", after a restart": true} {
		for _, cut := range []bool{true, false} {
			if testing.Short() && cut == restart {
				continue
			}
			t.Run(fmt.Sprintf("a rebind of somebody's account, unbound late (cut %v)%s, while reads go back and forth", cut, name), func(t *testing.T) {
				l := appliedWorld(t)
				l.SetReadLag(sandbox.ReadLag{By: 88 * time.Second, Flip: true})
				l.ConsoleBind("gitlab", l.Accounts()[0].Address, l.Accounts()[0].Username)
				l.Passes(3 * time.Minute)
				l.registry.Faults.Add(sandbox.Fault{
					Times: 1, EffectAfter: 30 * time.Second, Cut: cut, Status: map[bool]int{false: http.StatusGatewayTimeout}[cut],
					Match: func(r *http.Request) bool { return r.Method == http.MethodDelete },
				})
				l.sync()
				if restart {
					l.r = l.restarted()
				}
				l.syncs(12, 20*time.Second)
				l.ends()
				l.called("CreateUserSourceAccount", 2)
			})
		}
	}
	t.Run("the old account is shown after a rebind", func(t *testing.T) {
		l := appliedWorld(t)
		l.SetReadLag(sandbox.ReadLag{Object: "gitlab", By: 30 * time.Second})
		l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
		l.sync()
		l.requireNotReady("pay-gitlab")
		l.syncs(12, 3*time.Second)
		l.ends()
		l.called("CreateUserSourceAccount", 2)
		l.called("DeleteUserSourceAccount", 1)
		if !l.TokenIs("gitlab", "canary-gitlab-2") {
			t.Error("the second version is not bound")
		}
	})
	for _, flip := range []bool{false, true} {
		for _, rotations := range []int{2, 3, 4} {
			if testing.Short() && rotations != 3 {
				continue
			}
			t.Run(fmt.Sprint("an account of several rebinds ago is shown after a rebind: ", rotations, flip), func(t *testing.T) {
				l := appliedWorld(t)
				l.SetReadLag(sandbox.ReadLag{Object: "gitlab", By: 30 * time.Second, Flip: flip})
				for n := range rotations {
					l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], fmt.Sprint("canary-gitlab-", n+2))
					l.sync()
					l.Passes(3 * time.Second)
				}
				l.syncs(12, 3*time.Second)
				l.ends()
				n := l.registry.Count("CreateUserSourceAccount")
				l.syncs(2, 30*time.Minute)
				l.called("CreateUserSourceAccount", n)
				if n > rotations+1 {
					t.Errorf("bound %d times", n)
				}
			})
		}
	}
}

// TestKind3AnAccountShownAfterItWasUnboundIsNotOurs any longer: it is neither
// unbound again nor mistaken for the one that is declared now.
func TestKind3AnAccountShownAfterItWasUnboundIsNotOurs(t *testing.T) {
	t.Run("an account that is shown after it was unbound", func(t *testing.T) {
		l := appliedWorld(t, unbinds)
		l.SetReadLag(sandbox.ReadLag{By: 30 * time.Second})
		l.desired = desire()
		l.sync()
		l.syncs(12, 3*time.Second)
		l.ends()
		l.called("DeleteUserSourceAccount", 1)
		l.called("DeleteRepoBuildRule", 2)
	})
	t.Run("an account that is shown after it was unbound, and declared again", func(t *testing.T) {
		l := appliedWorld(t, unbinds, func(d *binding.Declaration) { d.Spec.Repositories = nil })
		l.SetReadLag(sandbox.ReadLag{By: 30 * time.Second})
		l.desired = desire()
		l.sync()
		l.Passes(2 * time.Second)
		l.desired = desire(gitlab())
		l.sync()
		l.syncs(12, 3*time.Second)
		l.ends()
		l.called("CreateUserSourceAccount", 2)
		if len(l.Accounts()) != 1 {
			t.Errorf("bound: %+v", l.Accounts())
		}
	})
}

// lost is a fault that loses the answer to the next write. The effect comes that
// many seconds later, or never if it is 0.
func lost(seconds int, cut bool) sandbox.Fault {
	f := sandbox.Fault{
		Times: 1, EffectAfter: time.Duration(seconds) * time.Second, Cut: cut,
		Match: func(r *http.Request) bool { return r.Method != http.MethodGet },
	}
	if !cut {
		f.Status = http.StatusGatewayTimeout
	}
	return f
}

// TestKind3NothingIsWrittenTwice tries any order of lagging and alternating reads,
// lost answers, late effects and refused writes, while declarations and tokens
// change. Within sync.settle, no rule and no account is written twice, and in the
// end everything is as declared.
func TestKind3NothingIsWrittenTwice(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		l := newLagging(t, gitlab())
		wanted, versions := gitlab(), 1
		l.SetReadLag(sandbox.ReadLag{By: time.Duration(rapid.IntRange(0, 20).Draw(r, "lag")) * time.Second, Flip: rapid.Bool().Draw(r, "flip")})
		once := func() {
			for _, twice := range l.builtTwice() {
				r.Fatal(twice)
			}
		}
		for range rapid.IntRange(1, 4).Draw(r, "steps") {
			switch rapid.SampledFrom([]string{"next", "dockerfile", "rotate", "fewer", "manual", "source", "nothing"}).Draw(r, "change") {
			case "next":
				wanted = gitlab(next)
			case "dockerfile":
				wanted = gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules[0].Dockerfile = "/build/Dockerfile" })
			case "rotate":
				versions++
				l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], fmt.Sprintf("canary-gitlab-%d", versions))
			case "fewer":
				wanted = gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = d.Spec.Repositories[0].Rules[:1] })
			case "manual":
				wanted = gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Trigger = binding.Manual })
			case "source":
				wanted = gitlab(func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/web" })
			}
			l.desired = desire(wanted)
			if rapid.IntRange(0, 3).Draw(r, "an answer is no") == 0 {
				l.registry.Faults.Add(sandbox.Fault{
					Times: 1, Match: func(r *http.Request) bool { return r.Method != http.MethodGet },
					Status: http.StatusForbidden, ContentType: "application/json;charset=utf-8", Body: `{"requestId":"1","code":"Forbidden.RAM","message":"no"}`,
				})
			}
			if rapid.Bool().Draw(r, "an answer is lost") {
				l.registry.Faults.Add(lost(rapid.IntRange(0, 60).Draw(r, "late"), rapid.Bool().Draw(r, "cut")))
			}
			for range rapid.IntRange(1, 4).Draw(r, "syncs") {
				l.Passes(time.Duration(rapid.IntRange(0, 9).Draw(r, "pause")) * time.Second)
				l.sync()
				if rapid.IntRange(0, 3).Draw(r, "restart") == 0 {
					l.r = l.restarted()
				}
				once()
			}
		}
		l.registry.Faults.Clear()
		l.allowed()
		for range 10 {
			l.Passes(25 * time.Second)
			l.sync()
			once()
		}
		for _, unsettled := range l.unsettled() {
			r.Error(unsettled)
		}
		if !l.TokenIs("gitlab", fmt.Sprintf("canary-gitlab-%d", versions)) {
			r.Errorf("version %d is not bound", versions)
		}
	})
}
