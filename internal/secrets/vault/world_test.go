package vault_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// canary marks every value that must not be seen anywhere.
const canary = "canary-41d9"

// rootToken is the sandbox's token that may do everything.
const rootToken = "hvs.sandboxroot0000000000"

// world is a Vault with its operator's tools: the sandbox's or a real one.
// The contract test is the same for both.
type world interface {
	// options reach the server, signing in with a token.
	options(t *testing.T, token string) vault.Options
	// root is a token that may do everything.
	root() string
	// mount enables a KV engine of the version and names it.
	mount(t *testing.T, version int) string
	put(t *testing.T, mount, path string, data map[string]string) int
	putCustom(t *testing.T, mount, path string, custom map[string]string)
	remove(t *testing.T, mount, path string, versions ...int)
	undelete(t *testing.T, mount, path string, versions ...int)
	destroy(t *testing.T, mount, path string, versions ...int)
	seal(t *testing.T, sealed bool)
	// token makes one that may read below the prefixes.
	token(t *testing.T, lifetime sandbox.VaultToken) string
	revoke(t *testing.T, token string)
	// role makes an AppRole that gives such tokens, or changes it.
	role(t *testing.T, lifetime sandbox.VaultToken) (roleID, secretID string)
	// openRole makes an AppRole that takes the role id alone.
	openRole(t *testing.T, lifetime sandbox.VaultToken) (roleID string)
	// wrap wraps the role's secret id.
	wrap(t *testing.T) string
	// outage takes the server off the network, or brings it back.
	outage(t *testing.T, down bool)
}

// fakeVault is the sandbox as a world.
type fakeVault struct {
	*sandbox.Vault
	server   *httptest.Server
	tokens   int
	lastRole sandbox.VaultRole
}

func newFakeVault(t *testing.T, now func() time.Time) *fakeVault {
	t.Helper()
	p := &fakeVault{Vault: sandbox.NewVault(rootToken, now)}
	p.server = httptest.NewServer(p.Handler())
	t.Cleanup(p.server.Close)
	return p
}

func (p *fakeVault) options(t *testing.T, token string) vault.Options {
	t.Helper()
	return vault.Options{Address: p.server.URL, Auth: vault.Auth{TokenFile: writeFile(t, token)}, Timeout: time.Minute}
}

func (*fakeVault) root() string { return rootToken }

func (p *fakeVault) mount(t *testing.T, version int) string {
	t.Helper()
	name := "kv" + string(rune('0'+version))
	p.Mount(name, version)
	return name
}

func (p *fakeVault) put(_ *testing.T, mount, path string, data map[string]string) int {
	return p.Put(mount, path, data)
}

func (p *fakeVault) putCustom(_ *testing.T, mount, path string, custom map[string]string) {
	p.PutCustom(mount, path, custom)
}

func (p *fakeVault) remove(_ *testing.T, mount, path string, versions ...int) {
	p.Delete(mount, path, versions...)
}

func (p *fakeVault) undelete(_ *testing.T, mount, path string, versions ...int) {
	p.Undelete(mount, path, versions...)
}

func (p *fakeVault) destroy(_ *testing.T, mount, path string, versions ...int) {
	p.Destroy(mount, path, versions...)
}

func (p *fakeVault) seal(_ *testing.T, sealed bool) { p.Seal(sealed) }

func (p *fakeVault) token(_ *testing.T, lifetime sandbox.VaultToken) string {
	p.tokens++
	token := "hvs.sandboxtoken00000000" + string(rune('a'+p.tokens))
	p.AddToken(token, lifetime)
	return token
}

func (p *fakeVault) revoke(_ *testing.T, token string) { p.Revoke(token) }

func (p *fakeVault) role(_ *testing.T, lifetime sandbox.VaultToken) (roleID, secretID string) {
	p.lastRole = sandbox.VaultRole{
		Mount:       "approle",
		Credentials: map[string]string{"role_id": "sandbox-role", "secret_id": canary + "-secret-id"},
		Token:       lifetime,
	}
	p.SetRole(p.lastRole)
	return p.lastRole.Credentials["role_id"], p.lastRole.Credentials["secret_id"]
}

func (p *fakeVault) openRole(_ *testing.T, lifetime sandbox.VaultToken) (roleID string) {
	p.SetRole(sandbox.VaultRole{Mount: "approle", Credentials: map[string]string{"role_id": "open-role"}, Token: lifetime})
	return "open-role"
}

func (p *fakeVault) wrap(*testing.T) string {
	return p.Wrap("auth/approle/role/test/secret-id", map[string]any{"secret_id": p.lastRole.Credentials["secret_id"]})
}

func (p *fakeVault) outage(_ *testing.T, down bool) {
	p.Faults.Clear()
	if down {
		p.Faults.Add(sandbox.Fault{Cut: true})
	}
}

// writeFile writes a file of the test's own.
func writeFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	overwrite(t, name, content)
	return name
}

// overwrite replaces a file as an agent does, by a rename.
func overwrite(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// newClient makes a client that is right for sure.
func newClient(t *testing.T, o vault.Options) *vault.Client {
	t.Helper()
	c, err := vault.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantFailure checks an error's code and kind, and that it holds no canary.
func wantFailure(t *testing.T, err error, code string, kind binding.FailureKind) *binding.Failure {
	t.Helper()
	f, ok := asFailure(err)
	if !ok {
		t.Fatalf("got error %v, want a failure with code %s", err, code)
	}
	if f.Code != code || f.Kind != kind {
		t.Errorf("got %s of kind %s, want %s of kind %s: %v", f.Code, f.Kind, code, kind, err)
	}
	if f.Hint.IsZero() {
		t.Errorf("no hint in %v", err)
	}
	noCanary(t, err.Error())
	return f
}

// readAll reads metadata and value, which must both work.
func readAll(t *testing.T, c *vault.Client, ref secrets.Ref) (string, secrets.Metadata) {
	t.Helper()
	meta, err := c.Metadata(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	value, _, err := c.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer value.Wipe()
	return value.Expose(), meta
}
