package vault_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// TestEveryRequestIsToldByItsOperation: the observer hears what was asked in a
// word of a fixed set, and never where the secret is kept.
func TestEveryRequestIsToldByItsOperation(t *testing.T) {
	clock := newClock()
	w := newFakeVault(t, clock.Now)
	w.Put("secret", "auth/login", map[string]string{"token": canary})
	roleID, secretID := w.role(t, sandbox.VaultToken{TTL: time.Hour, Renewable: true, Paths: []string{"secret/"}})
	var mu sync.Mutex
	exchanges := map[vault.Exchange]int{}
	o := withAppRole(t, w.options(t, ""), roleID, secretID)
	o.Now = clock.Now
	o.Observe = func(x vault.Exchange) {
		mu.Lock()
		defer mu.Unlock()
		x.Took = 0
		exchanges[x]++
	}
	c := newClient(t, o)
	if !c.Ends().IsZero() {
		t.Errorf("before the first login it ends at %s", c.Ends())
	}
	ref := secrets.Ref{Mount: "secret", Path: "auth/login", Key: "token"}
	readAll(t, c, ref)
	if left := c.Ends().Sub(clock.Now()); left != time.Hour {
		t.Errorf("the login ends in %s, want an hour", left)
	}
	clock.add(50 * time.Minute)
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := c.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Login(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.seal(t, true)
	_, _ = c.Metadata(t.Context(), ref)
	w.seal(t, false)
	// The sandbox takes no revocation.
	_ = c.Close(context.WithoutCancel(t.Context()))
	want := map[vault.Exchange]int{}
	for operation, status := range map[string]int{
		"login": 200, "mounts": 200, "renew": 200, "health": 200, "lookup": 200, "revoke": http.StatusForbidden,
	} {
		want[vault.Exchange{Operation: operation, Status: status}] = 1
	}
	want[vault.Exchange{Operation: "read", Status: 200}] = 3
	want[vault.Exchange{Operation: "read", Status: http.StatusServiceUnavailable}] = 1
	if diff := cmp.Diff(want, exchanges); diff != "" {
		t.Errorf("requests (-want +observed):\n%s", diff)
	}
}
