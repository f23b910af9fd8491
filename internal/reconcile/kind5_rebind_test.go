package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/sandbox"
)

// TestKind5ARebindThatSentNoBindBoundNothing: the answer to the first half of a
// rotation is lost, and a person then binds the same user. Our bind was never sent.
func TestKind5ARebindThatSentNoBindBoundNothing(t *testing.T) {
	l := appliedWorld(t)
	l.Tokens["acr/gitlab"] = append(l.Tokens["acr/gitlab"], "canary-gitlab-2")
	l.SetReadLag(sandbox.ReadLag{By: 17 * time.Second})
	l.registry.Faults.Add(sandbox.Fault{Times: 1, DropResponse: true, Match: func(r *http.Request) bool { return r.Method == http.MethodDelete }})
	l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username)
	l.Passes(7 * time.Second)
	l.sync()
	l.called("CreateUserSourceAccount", 1)
	l.syncs(3, 10*time.Minute)
	if !l.TokenIs("gitlab", "canary-gitlab-2") {
		t.Errorf("another token is bound than version %d, which the record says; %v", l.Records()["pay-gitlab/gitlab"].TokenVersion, l.unsettled())
	}
}
