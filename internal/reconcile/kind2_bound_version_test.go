package reconcile_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind2AVersionIsCalledBoundOnlyIfItIs: in the middle of a rotation that gets
// no clear answer, or is refused, no condition shows a version as bound that is
// not.
func TestKind2AVersionIsCalledBoundOnlyIfItIs(t *testing.T) {
	refused := sandbox.Fault{Status: http.StatusForbidden, ContentType: "application/json", Body: `{"requestId":"r","code":"Forbidden.RAM","message":"no"}`}
	binds := func(f sandbox.Fault, times int) sandbox.Fault {
		f.Times, f.Match = times, func(r *http.Request) bool { return r.Method == http.MethodPut && r.URL.Path == "/users/sourceAccount" }
		return f
	}
	unbinds := func(f sandbox.Fault) sandbox.Fault {
		f.Times, f.Match = 1, func(r *http.Request) bool { return r.Method == http.MethodDelete }
		return f
	}
	for name, f := range map[string]sandbox.Fault{
		"the bind is cut":                           binds(sandbox.Fault{Cut: true}, 1),
		"each bind is cut":                          binds(sandbox.Fault{Cut: true}, 0),
		"the answer to the bind is lost":            binds(sandbox.Fault{DropResponse: true}, 1),
		"the effect of the bind comes later":        binds(sandbox.Fault{Status: http.StatusGatewayTimeout, EffectAfter: 25 * time.Second}, 1),
		"each bind is refused":                      binds(refused, 0),
		"two binds are refused":                     binds(refused, 2),
		"the unbind is cut":                         unbinds(sandbox.Fault{Cut: true}),
		"the answer to the unbind is lost":          unbinds(sandbox.Fault{DropResponse: true}),
		"the effect of the unbind comes later":      unbinds(sandbox.Fault{Status: http.StatusGatewayTimeout, EffectAfter: 25 * time.Second}),
		"the answer to the unbind comes much later": unbinds(sandbox.Fault{Status: http.StatusGatewayTimeout, EffectAfter: 100 * time.Second}),
	} {
		for _, pinned := range []bool{false, true} {
			if pinned && testing.Short() {
				continue
			}
			t.Run(fmt.Sprintf("%s, pinned %v", name, pinned), func(t *testing.T) {
				l := appliedWorld(t)
				l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
				if pinned {
					l.desired = desire(gitlab(func(d *binding.Declaration) { d.Spec.Token.Vault.Version = 2 }))
				}
				l.registry.Faults.Add(f)
				l.sync()
				for range 20 {
					for _, of := range []binding.ConditionType{binding.TokenFresh, binding.TokenValid} {
						c := conditionOf(t, l.r, "pay-gitlab", of)
						for _, said := range []any{c.Message.Args.Get("bound"), c.Message.Args.Get("version")} {
							version, is := said.(int)
							if !is || c.Message.ID != "condition.newer-version" && c.Message.ID != "condition.bound-version" {
								continue
							}
							if token := l.Tokens["acr/gitlab"][version-1]; !l.TokenIs("gitlab", token) {
								t.Errorf("%s: %s is %s (%s): %s", l.Clock().Format("05.0"), of, c.Status, c.Reason, text(c.Message))
							}
						}
					}
					l.syncs(1, 10*time.Second)
				}
				l.registry.Faults.Clear()
				l.syncs(10, 3*time.Minute)
				l.ends()
			})
		}
	}
}
