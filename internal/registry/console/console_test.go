package console

import (
	"errors"
	"strings"
	"testing"

	"reconciler/internal/binding"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/secrets"
)

func TestCapabilitiesAreAllOffWithAReason(t *testing.T) {
	c, err := New("lab", "cn-hangzhou").Capabilities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range c.All() {
		if one.On || c.Reasons[one.Name].IsZero() {
			t.Errorf("%s: on %v, reason %v; want off with a reason", one.Name, one.On, c.Reasons[one.Name])
		}
	}
}

func TestEveryCallIsRefusedAndTellsWhere(t *testing.T) {
	d, ctx := New("lab", "cn-hangzhou"), t.Context()
	account := binding.Account{ID: "1", Platform: binding.GitLab}
	calls := map[string]func() error{
		"Account":    func() error { _, err := d.Account(ctx, binding.GitLab); return err },
		"Repository": func() error { _, err := d.Repository(ctx, "a/b"); return err },
		"Bind":       func() error { _, err := d.Bind(ctx, account, secrets.New([]byte("canary"))); return err },
		"Unbind":     func() error { return d.Unbind(ctx, account) },
		"Link":       func() error { return d.Link(ctx, "a/b", binding.Link{}) },
		"Unlink":     func() error { return d.Unlink(ctx, "a/b") },
		"AddRule":    func() error { _, err := d.AddRule(ctx, "a/b", binding.BuildRule{}); return err },
		"ChangeRule": func() error { return d.ChangeRule(ctx, "a/b", binding.ObservedRule{}) },
		"RemoveRule": func() error { return d.RemoveRule(ctx, "a/b", "1") },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			err := call()
			if binding.KindOf(err) != binding.Refused || !errors.Is(err, ErrNoAPI) {
				t.Fatalf("got %v, want Refused for want of an API", err)
			}
			if !strings.Contains(err.Error(), "cn-hangzhou") || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %q: want the region, and no secret", err)
			}
		})
	}
}
