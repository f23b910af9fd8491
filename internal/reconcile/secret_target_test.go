package reconcile_test

import (
	"context"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/secrets"
)

// TestAMovedTokenIsNotEvenShown: checking a token sends it to the declared address,
// so it must not be checked before a plan would refuse the change.
func TestAMovedTokenIsNotEvenShown(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab()))
	moved := gitlab(func(d *binding.Declaration) { d.Spec.Address = "https://gitlab.evil.example" })
	before := map[string]int{}
	calls := []string{"read", "check-token", "check-account", "check-project", "bind", "unbind"}
	for _, call := range calls {
		before[call] = w.Count(call)
	}
	p, err := r.Plan(t.Context(), desire(moved), binding.DepthPreflight)
	if err != nil {
		t.Fatal(err)
	}
	sync1(t, r, desire(moved))
	for _, call := range calls {
		if n := w.Count(call) - before[call]; n > 0 {
			t.Errorf("%s was called %d times for a token that would go elsewhere", call, n)
		}
	}
	refused := false
	for _, a := range p.Plan.Actions {
		refused = refused || a.Kind == plan.Forbidden && a.Object.IsAccount()
	}
	if !refused {
		t.Errorf("the change was not refused: %+v", p.Plan.Actions)
	}

	o := w.options()
	o.Policy.AllowAddressChangeWithSecret = true
	synced(t, reconcile.New(o), desire(moved))
	if w.Count("check-token") == before["check-token"] || w.Count("bind") == before["bind"] {
		t.Errorf("the policy allows the move, and it was not made: %v", w.Calls)
	}
}

// elsewhere is a declaration of a different instance that sends the token of
// gitlab() to a different host.
func elsewhereWithOtherHost() binding.Declaration {
	return gitlab(func(d *binding.Declaration) {
		d.Name, d.File, d.Spec.Instance, d.Spec.Address = "evil", "evil.yaml", "edge", "https://gitlab.evil.example"
		d.Spec.Repositories = nil
	})
}

// TestATokenOfAnotherInstanceIsNotSentToAnotherHost: what was applied on one
// instance, and what is declared for it, also counts for the others.
func TestATokenOfAnotherInstanceIsNotSentToAnotherHost(t *testing.T) {
	kv1 := func(mount, path string) func(*binding.Declaration) {
		return func(d *binding.Declaration) { d.Spec.Token.Vault.Mount, d.Spec.Token.Vault.Path = mount, path }
	}
	first, evil := gitlab(), elsewhereWithOtherHost()
	split, joined := gitlab(kv1("kv1", "acr/gitlab")), elsewhereWithOtherHost()
	kv1("kv1/acr", "gitlab")(&joined)
	for name, c := range map[string]struct {
		recorded bool
		first    binding.Declaration
		desired  []binding.Declaration
	}{
		"both are declared, and the first was applied": {true, first, []binding.Declaration{first, evil}},
		"the first is only recorded":                   {true, first, []binding.Declaration{evil}},
		"both are declared, and none was applied":      {false, first, []binding.Declaration{first, evil}},
		"a KV version 1 mount is written another way":  {true, split, []binding.Declaration{split, joined}},
		"another way, and none was applied":            {false, split, []binding.Declaration{split, joined}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.Tokens["gitlab"] = []string{"canary-gitlab-1"}
			prod := reconcile.New(w.options())
			if c.recorded {
				synced(t, prod, desire(c.first))
			}
			o := w.options()
			o.Instance.Name = "edge"
			edge := reconcile.New(o)
			reads, checks, binds := w.Count("read"), w.Count("check-"), w.Count("bind")
			round, err := edge.Plan(t.Context(), desire(c.desired...), binding.DepthPreflight)
			if err != nil {
				t.Fatal(err)
			}
			sync1(t, edge, desire(c.desired...))
			if w.Count("read") > reads || w.Count("check-") > checks || w.Count("bind") > binds {
				t.Errorf("the token was read or sent: %q", w.Calls)
			}
			if !refusesMove(round.Plan, "evil") {
				t.Errorf("the move was not refused: %+v", round.Plan)
			}
			if len(c.desired) == 1 {
				return
			}
			round, err = prod.Plan(t.Context(), desire(c.desired...), binding.DepthPreflight)
			if err != nil {
				t.Fatal(err)
			}
			if refusesMove(round.Plan, c.first.Name) == c.recorded {
				t.Errorf("the first, recorded %v: %+v", c.recorded, round.Plan)
			}
			o.Policy.AllowAddressChangeWithSecret = true
			if round, err = reconcile.New(o).Plan(t.Context(), desire(c.desired...), binding.DepthPreflight); err != nil || refusesMove(round.Plan, "evil") {
				t.Errorf("the policy allows it, and yet: %+v, %v", round.Plan, err)
			}
		})
	}
}

// refusesMove reports whether a plan refuses to send the token of a binding, and
// has the finding.
func refusesMove(p plan.Plan, name string) bool {
	found, refused := false, false
	for _, f := range p.Findings {
		found = found || f.Code == "address-changed-with-secret"
	}
	for _, a := range p.Actions {
		refused = refused || a.Binding == name && a.Kind == plan.Forbidden && a.Cause == plan.CauseSecretTarget
	}
	return found && refused
}

// TestASecretThatNamesItsHostDecides: the host that the secret names takes
// precedence over what was applied or is declared, and over the policy.
func TestASecretThatNamesItsHostDecides(t *testing.T) {
	const own, other = "https://gitlab.example.com", "https://gitlab.evil.example"
	for name, c := range map[string]struct {
		applied, declared, host string
		policy                  bool
		sent                    bool
	}{
		"its own host, and never applied":       {"", own, "gitlab.example.com", false, true},
		"another host, and never applied":       {"", other, "gitlab.example.com", false, false},
		"another host, and the policy allows":   {"", other, "gitlab.example.com", true, false},
		"it moved, and the secret says so":      {other, own, "gitlab.example.com", false, true},
		"it was applied where it does not live": {own, own, "elsewhere.example", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			o := w.options()
			o.Policy.AllowAddressChangeWithSecret = c.policy
			r := reconcile.New(o)
			if c.applied != "" {
				synced(t, r, desire(gitlab(func(d *binding.Declaration) { d.Spec.Address = c.applied })))
			}
			w.Custom = map[string]string{binding.HostKey: c.host}
			w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-next")
			before := w.Count("check-token") + w.Count("bind")
			sync1(t, r, desire(gitlab(func(d *binding.Declaration) { d.Spec.Address = c.declared })))
			if sent := w.Count("check-token")+w.Count("bind") > before; sent != c.sent {
				t.Errorf("the token was sent: %t, want %t; %v", sent, c.sent, w.Calls)
			}
		})
	}
}

// named is a secret store whose secrets name their hosts, by path.
type named struct {
	vault
	hosts map[string]string
}

func (v named) Metadata(ctx context.Context, ref secrets.Ref) (secrets.Metadata, error) {
	meta, err := v.vault.Metadata(ctx, ref)
	meta.Custom = map[string]string{binding.HostKey: v.hosts[ref.Path]}
	return meta, err
}

func (v named) Read(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	token, meta, err := v.vault.Read(ctx, ref)
	meta.Custom = map[string]string{binding.HostKey: v.hosts[ref.Path]}
	return token, meta, err
}

// If the secret of a bound token names a different host than the one that it was
// applied for, the token is not sent there, whatever the secret that replaces it
// names.
func TestABoundTokenGoesNowhereElseThanItsSecretSays(t *testing.T) {
	for host, sent := range map[string]int{"elsewhere.example": 0, "gitlab.example.com": 1} {
		w := newWorld()
		o := w.options()
		hosts := map[string]string{"acr/new": "gitlab.example.com"}
		o.Tokens = named{vault{World: w.World}, hosts}
		r := reconcile.New(o)
		synced(t, r, desire(gitlab()))
		hosts["acr/gitlab"], w.Tokens["acr/new"] = host, []string{"canary-new-1"}
		before := w.Count("check-token")
		moved := desire(gitlab(func(d *binding.Declaration) { d.Spec.Token.Vault.Path = "acr/new" }))
		if _, err := r.Plan(t.Context(), moved, binding.DepthPreflight); err != nil {
			t.Fatal(err)
		}
		if n := w.Count("check-token") - before; n != 1+sent {
			t.Errorf("%s: %d tokens were checked, want %d", host, n, 1+sent)
		}
	}
}
