package vault_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"reconciler/internal/sandbox"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/secrets/vault/vaulttest"
)

// realVault is a real Vault server as a world.
type realVault struct {
	*vaulttest.Server
	policies int
}

func newRealVault(t *testing.T) *realVault {
	t.Helper()
	return &realVault{Server: vaulttest.Start(t, vaulttest.Options{})}
}

func (r *realVault) options(t *testing.T, token string) vault.Options {
	t.Helper()
	return vault.Options{Address: r.Address, CAFile: r.CAFile, Auth: vault.Auth{TokenFile: writeFile(t, token)}, Timeout: time.Minute}
}

func (r *realVault) root() string { return r.RootToken }

func (r *realVault) mount(t *testing.T, version int) string {
	t.Helper()
	return r.Mount(t, version)
}

func (r *realVault) put(t *testing.T, mount, path string, data map[string]string) int {
	t.Helper()
	values := map[string]any{}
	for k, v := range data {
		values[k] = v
	}
	if strings.HasSuffix(mount, "kv1") {
		if err := r.API.KVv1(mount).Put(t.Context(), path, values); err != nil {
			t.Fatal(err)
		}
		return 0
	}
	written, err := r.API.KVv2(mount).Put(t.Context(), path, values)
	if err != nil {
		t.Fatal(err)
	}
	return written.VersionMetadata.Version
}

func (r *realVault) putCustom(t *testing.T, mount, path string, custom map[string]string) {
	t.Helper()
	values := map[string]any{}
	for k, v := range custom {
		values[k] = v
	}
	if err := r.API.KVv2(mount).PutMetadata(t.Context(), path, api.KVMetadataPutInput{CustomMetadata: values}); err != nil {
		t.Fatal(err)
	}
}

// newest are the versions meant: those named, else the newest.
func (r *realVault) newest(t *testing.T, mount, path string, versions []int) []int {
	t.Helper()
	if len(versions) > 0 {
		return versions
	}
	meta, err := r.API.KVv2(mount).GetMetadata(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return []int{meta.CurrentVersion}
}

func (r *realVault) remove(t *testing.T, mount, path string, versions ...int) {
	t.Helper()
	if err := r.API.KVv2(mount).DeleteVersions(t.Context(), path, r.newest(t, mount, path, versions)); err != nil {
		t.Fatal(err)
	}
}

func (r *realVault) undelete(t *testing.T, mount, path string, versions ...int) {
	t.Helper()
	if err := r.API.KVv2(mount).Undelete(t.Context(), path, versions); err != nil {
		t.Fatal(err)
	}
}

func (r *realVault) destroy(t *testing.T, mount, path string, versions ...int) {
	t.Helper()
	if err := r.API.KVv2(mount).Destroy(t.Context(), path, r.newest(t, mount, path, versions)); err != nil {
		t.Fatal(err)
	}
}

func (r *realVault) seal(t *testing.T, sealed bool) {
	t.Helper()
	if sealed {
		r.Seal(t)
		return
	}
	r.Unseal(t)
}

// policy writes one that allows to read below the prefixes, and names it.
func (r *realVault) policy(t *testing.T, prefixes []string) string {
	t.Helper()
	r.policies++
	name := fmt.Sprintf("test-%d", r.policies)
	var rules strings.Builder
	for _, p := range prefixes {
		fmt.Fprintf(&rules, "path %q { capabilities = [\"read\"] }\n", p+"*")
	}
	if err := r.API.Sys().PutPolicyWithContext(t.Context(), name, rules.String()); err != nil {
		t.Fatal(err)
	}
	return name
}

func (r *realVault) token(t *testing.T, lifetime sandbox.VaultToken) string {
	t.Helper()
	made, err := r.API.Auth().Token().CreateWithContext(t.Context(), &api.TokenCreateRequest{
		Policies: []string{r.policy(t, lifetime.Paths)}, TTL: lifetime.TTL.String(), Renewable: &lifetime.Renewable, NoParent: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.Auth.ClientToken
}

func (r *realVault) revoke(t *testing.T, token string) {
	t.Helper()
	if err := r.API.Auth().Token().RevokeTreeWithContext(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

// tokenFields are a role's fields for such tokens.
func (r *realVault) tokenFields(t *testing.T, lifetime sandbox.VaultToken) map[string]any {
	t.Helper()
	fields := map[string]any{"token_policies": r.policy(t, lifetime.Paths), "token_ttl": lifetime.TTL.String(), "token_max_ttl": lifetime.MaxTTL.String()}
	if lifetime.Batch {
		fields["token_type"] = "batch"
	}
	return fields
}

func (r *realVault) role(t *testing.T, lifetime sandbox.VaultToken) (roleID, secretID string) {
	t.Helper()
	r.EnableAuth(t, "approle")
	r.Write(t, "auth/approle/role/test", r.tokenFields(t, lifetime))
	id, err := r.API.Logical().ReadWithContext(t.Context(), "auth/approle/role/test/role-id")
	if err != nil {
		t.Fatal(err)
	}
	secret := r.Write(t, "auth/approle/role/test/secret-id", nil)
	return fmt.Sprint(id.Data["role_id"]), fmt.Sprint(secret.Data["secret_id"])
}

func (r *realVault) openRole(t *testing.T, lifetime sandbox.VaultToken) (roleID string) {
	t.Helper()
	r.EnableAuth(t, "approle")
	fields := r.tokenFields(t, lifetime)
	fields["bind_secret_id"] = false
	fields["token_bound_cidrs"] = "127.0.0.0/8,::1/128"
	r.Write(t, "auth/approle/role/open", fields)
	id, err := r.API.Logical().ReadWithContext(t.Context(), "auth/approle/role/open/role-id")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(id.Data["role_id"])
}

func (r *realVault) wrap(t *testing.T) string {
	t.Helper()
	client, err := r.API.CloneWithHeaders()
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken(r.RootToken)
	client.SetWrappingLookupFunc(func(string, string) string { return "60s" })
	answer, err := client.Logical().WriteWithContext(t.Context(), "auth/approle/role/test/secret-id", nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer.WrapInfo.Token
}

func (r *realVault) outage(t *testing.T, down bool) {
	t.Helper()
	r.Pause(t, down)
}
