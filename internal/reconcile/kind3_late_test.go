package reconcile_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// push is a change that is pushed, the write that it leads to, and a change that is
// pushed after it.
type push struct {
	method, path  string
	change, third func(*binding.Declaration)
	rotates       bool
}

func pushes() map[string]push {
	first := func(d *binding.Declaration) *binding.Repository { return &d.Spec.Repositories[0] }
	return map[string]push{
		"a rule is removed": {http.MethodDelete, "/rules/", func(d *binding.Declaration) { first(d).Rules = first(d).Rules[:1] }, next, false},
		"a rule is changed": {
			http.MethodPost, "/rules/", func(d *binding.Declaration) { first(d).Rules[0].Dockerfile = "/other" },
			func(d *binding.Declaration) { first(d).Rules[0].Dockerfile = "/third" }, false,
		},
		"a rule is added": {http.MethodPut, "/rules", next, func(d *binding.Declaration) { next(d); first(d).Rules[len(first(d).Rules)-1].Dockerfile = "/third" }, false},
		"a source is changed": {
			http.MethodPost, "/sourceRepo", func(d *binding.Declaration) { first(d).Source = "pay/other" },
			func(d *binding.Declaration) { first(d).Source = "pay/third" }, false,
		},
		"an image repository is unlinked": {
			http.MethodPost, "/sourceRepo", func(d *binding.Declaration) { d.Spec.Repositories = []binding.Repository{} },
			func(d *binding.Declaration) { first(d).Source = "pay/third" }, false,
		},
		"an account is unbound for another": {
			http.MethodDelete, "/users/sourceAccount/", func(d *binding.Declaration) { d.Spec.Username = "other" },
			func(d *binding.Declaration) { d.Spec.Username = "third" }, false,
		},
		"an account is unbound for a newer token": {http.MethodDelete, "/users/sourceAccount/", func(*binding.Declaration) {}, func(d *binding.Declaration) { d.Spec.Token.Vault.Version = 1 }, true},
	}
}

// TestKind3TwoPushesWithinTheLag: reads show each write late, each of them or every other
// one, and something else is pushed before the first push is shown.
func TestKind3TwoPushesWithinTheLag(t *testing.T) {
	for i, name := range slices.Sorted(maps.Keys(pushes())) {
		tt := pushes()[name]
		for _, back := range []bool{true, false} {
			for _, flip := range []bool{false, true} {
				for _, restart := range []bool{false, true} {
					if testing.Short() && (restart || flip || back != (i%2 == 0)) {
						continue
					}
					t.Run(fmt.Sprintf("%s, taken back %v, every other read %v, restart %v", name, back, flip, restart), func(t *testing.T) {
						l := appliedWorld(t, unbinds)
						l.SetReadLag(sandbox.ReadLag{By: 30 * time.Second, Flip: flip})
						if tt.rotates {
							l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
						}
						l.desired = desire(gitlab(unbinds, tt.change))
						l.sync()
						l.requireTrueOnlyIfMet()
						if restart {
							l.r = l.restarted()
						}
						l.checked(2, 2*time.Second)
						l.desired = desire(gitlab(unbinds, tt.third))
						if back {
							l.desired = desire(gitlab(unbinds))
						}
						l.checked(3, 2*time.Second)
						l.desired = desire(gitlab(unbinds, tt.change))
						l.checked(20, 5*time.Second)
						l.ends()
						l.requireTrueOnlyIfMet()
					})
				}
			}
		}
	}
}

// TestKind3TheLateEffectOfAWriteIsNoTruth: the answer to a write is lost, its
// effect comes later, and meanwhile the declaration stays, is reverted or changes
// again. In the end everything is as declared, and Ready is True only if that is
// so.
func TestKind3TheLateEffectOfAWriteIsNoTruth(t *testing.T) {
	for i, name := range slices.Sorted(maps.Keys(pushes())) {
		tt := pushes()[name]
		for k, then := range []string{"stays", "is taken back", "is taken back at once", "changes again"} {
			for _, after := range []time.Duration{15 * time.Second, 70 * time.Second} {
				for _, restart := range []bool{false, true} {
					if testing.Short() && (restart || after > 15*time.Second || (i+k)%2 != 0) {
						continue
					}
					t.Run(fmt.Sprintf("%s, and %s, the effect comes after %s, restart %v", name, then, after, restart), func(t *testing.T) {
						l := appliedWorld(t, unbinds)
						l.registry.Faults.Add(sandbox.Fault{
							Times: 1, EffectAfter: after, Status: http.StatusGatewayTimeout,
							Match: func(r *http.Request) bool { return r.Method == tt.method && strings.Contains(r.URL.Path, tt.path) },
						})
						if tt.rotates {
							l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
						}
						l.desired = desire(gitlab(unbinds, tt.change))
						l.sync()
						if restart {
							l.r = l.restarted()
						}
						switch then {
						case "is taken back":
							l.checked(2, 5*time.Second)
							l.desired = desire(gitlab(unbinds))
						case "is taken back at once":
							l.desired = desire(gitlab(unbinds))
						case "changes again":
							l.desired = desire(gitlab(unbinds, tt.third))
						}
						l.checked(12, 10*time.Second)
						l.ends()
						l.requireTrueOnlyIfMet()
					})
				}
			}
		}
	}
}

// checked syncs, and requires each time that the conditions are right.
func (l *lagging) checked(n int, every time.Duration) {
	l.t.Helper()
	for range n {
		l.syncs(1, every)
		l.requireTrueOnlyIfMet()
	}
}

// requireTrueOnlyIfMet requires that conditions are True only if they are met in the registry.
func (l *lagging) requireTrueOnlyIfMet() {
	l.t.Helper()
	has := l.Peek()
	for _, d := range l.desired.Declarations {
		lacks := map[binding.ConditionType]string{}
		if len(has.Accounts) != 1 || has.Accounts[0].Username != d.Spec.Username {
			lacks[binding.Bound] = fmt.Sprintf("bound: %+v", has.Accounts)
		}
		for _, want := range d.Spec.Repositories {
			for _, have := range has.Repositories {
				if have.Image != want.Image {
					continue
				}
				if have.Source == nil || have.Source.Project != want.Source {
					lacks[binding.RepositoriesLinked] = fmt.Sprintf("linked: %+v", have.Source)
				}
				rules := rulesOf(have)
				if len(rules) != len(want.Rules) {
					lacks[binding.Ready] = fmt.Sprintf("rules: %+v", rules)
				}
				for _, rule := range want.Rules {
					if rules[rule.ImageTag] != rule.Dockerfile {
						lacks[binding.RulesCurrent] = fmt.Sprintf("rules: %+v", rules)
					}
				}
			}
		}
		for of, why := range lacks {
			for _, claimed := range []binding.ConditionType{of, binding.Ready} {
				if c := conditionOf(l.t, l.r, d.Name, claimed); c.Status == binding.True {
					l.t.Errorf("%s %s: %s is True (%s), %s", l.Clock().Format("05.0"), d.Name, claimed, c.Reason, why)
				}
			}
		}
	}
}

func rulesOf(have sandbox.ImageRepository) map[string]string {
	rules := map[string]string{}
	for _, r := range have.Rules {
		rules[r.ImageTag] = strings.TrimSuffix(r.DockerfileLocation, "/") + "/" + r.DockerfileName
	}
	return rules
}
