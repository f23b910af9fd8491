package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind3AWriteThatAnotherFollowedIsOursToo loses the answer to a write whose
// effect comes later. Meanwhile something else is declared, and its write has no
// effect. What appears is our first write, so it is changed to what is declared.
func TestKind3AWriteThatAnotherFollowedIsOursToo(t *testing.T) {
	const path = "/repos/pay/api/sourceRepo"
	link := func(r *http.Request) bool { return r.URL.Path == path && r.Method != http.MethodGet }
	manual := func(d *binding.Declaration) { d.Spec.Repositories[0].Trigger = binding.Manual }
	elsewhere := func(d *binding.Declaration) { d.Spec.Repositories[0].Source = "pay/web" }
	answer := func(status int, body string) sandbox.Fault {
		return sandbox.Fault{Times: 1, Match: link, Status: status, ContentType: "application/json;charset=utf-8", Body: body}
	}
	refused := answer(http.StatusBadRequest, `{"requestId":"1","code":"INVALID_PARAMETER","message":"no"}`)
	forbidden := answer(http.StatusForbidden, `{"requestId":"1","code":"Forbidden.RAM","message":"no"}`)
	unanswered := answer(http.StatusGatewayTimeout, "")
	for name, tt := range map[string]struct {
		second  func(*binding.Declaration)
		meets   sandbox.Fault
		restart bool
	}{
		"another trigger, whose answer is lost too": {manual, unanswered, false},
		"another trigger, which is rejected":        {manual, refused, false},
		"another source, which is rejected":         {elsewhere, refused, true},
		"another source, not allowed to us":         {elsewhere, forbidden, false},
		"the same after another, a restart between": {func(*binding.Declaration) {}, refused, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLagging(t, gitlab())
			first := answer(http.StatusGatewayTimeout, "")
			first.EffectAfter = 40 * time.Second
			l.registry.Faults.Add(first)
			l.sync()
			l.Passes(15 * time.Second)
			l.registry.Faults.Add(tt.meets)
			l.desired = desire(gitlab(tt.second))
			l.sync()
			if tt.restart {
				l.r = l.restarted()
			}
			l.Passes(50 * time.Second) // The effect of the first one has come.
			l.desired = desire(gitlab(manual, func(d *binding.Declaration) { d.Spec.Repositories[0].Rules = nil }))
			l.ends()
		})
	}
}
