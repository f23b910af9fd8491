package vault_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

func TestContractWithTheSandbox(t *testing.T) {
	runContract(t, func(t *testing.T) world { t.Helper(); return newFakeVault(t, nil) })
}

// runContract is what holds of any Vault.
func runContract(t *testing.T, start func(*testing.T) world) {
	t.Helper()
	cases := map[string]func(*testing.T, world){
		"a value is read with its version and custom metadata":    contractRead,
		"a pinned version does not move":                          contractPinned,
		"each of six conditions has its own error":                contractConditions,
		"metadata needs no right to data":                         contractMetadataRight,
		"KV version 1 has values and no versions":                 contractV1,
		"a sealed server is told from a secret that is not there": contractSealed,
		"AppRole signs in, once for many reads":                   contractAppRole,
		"a role without secret ids takes the role id alone":       contractOpenRole,
		"a wrapped secret id is unwrapped once":                   contractWrapped,
		"a role's new policies come with a new login":             contractPolicyChange,
		"a revoked token is replaced":                             contractRevoked,
		"an outage ends without a new login":                      contractOutage,
		"a token file that changes is used at once":               contractTokenFile,
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) { run(t, start(t)) })
	}
}

func contractRead(t *testing.T, w world) {
	before := time.Now().Add(-time.Minute)
	m := w.mount(t, 2)
	w.put(t, m, "acr/payments/gitlab", map[string]string{"token": canary + "-1", "other": "x"})
	w.putCustom(t, m, "acr/payments/gitlab", map[string]string{"expires": "2027-01-31"})
	w.put(t, m, "acr/payments/gitlab", map[string]string{"token": canary + "-2 \"<é>\"\n"})
	c := newClient(t, w.options(t, w.root()))
	ref := secrets.Ref{Mount: m, Path: "acr/payments/gitlab", Key: "token"}
	value, meta, err := c.Read(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := value.Expose(), canary+"-2 \"<é>\""; got != want {
		t.Errorf("got value %q, want %q", got, want)
	}
	asked, err := c.Metadata(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(meta, asked); diff != "" {
		t.Errorf("Read and Metadata differ:\n%s", diff)
	}
	if asked.Version != 2 || asked.Latest != 2 || asked.Created.Before(before) || asked.Created.After(time.Now().Add(time.Minute)) {
		t.Errorf("got %+v", asked)
	}
	if diff := cmp.Diff(map[string]string{"expires": "2027-01-31"}, asked.Custom); diff != "" {
		t.Errorf("custom metadata:\n%s", diff)
	}
}

func contractPinned(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "p", map[string]string{"token": canary + "-1"})
	w.put(t, m, "p", map[string]string{"token": canary + "-2"})
	c := newClient(t, w.options(t, w.root()))
	value, meta := readAll(t, c, secrets.Ref{Mount: m, Path: "p", Key: "token", Version: 1})
	if value != canary+"-1" || meta.Version != 1 || meta.Latest != 2 {
		t.Errorf("got %+v", meta)
	}
	_, got, err := c.Read(t.Context(), secrets.Ref{Mount: m, Path: "p", Key: "token", Version: 1})
	if err != nil || got.Version != 1 || got.Latest != 0 {
		t.Errorf("got %+v, %v, want Latest unknown", got, err)
	}
}

func contractConditions(t *testing.T, w world) {
	m := w.mount(t, 2)
	for _, path := range []string{"deleted", "destroyed", "versions", "back", "allowed"} {
		w.put(t, m, path, map[string]string{"token": canary, "empty": ""})
	}
	w.remove(t, m, "deleted")
	w.destroy(t, m, "destroyed")
	w.put(t, m, "versions", map[string]string{"token": canary})
	w.remove(t, m, "versions", 1)
	w.remove(t, m, "back")
	w.undelete(t, m, "back", 1)
	limited := w.token(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/data/allowed", m + "/metadata/allowed"}})
	root, poor := newClient(t, w.options(t, w.root())), newClient(t, w.options(t, limited))
	cases := map[string]struct {
		client *vault.Client
		path   string
		pin    int
		code   string
		kind   binding.FailureKind
		hint   string
	}{
		"deleted":        {root, "deleted", 0, vault.CodeDeleted, binding.NotFound, "vault kv undelete -mount=" + m + " -versions=1 deleted"},
		"destroyed":      {root, "destroyed", 0, vault.CodeDestroyed, binding.NotFound, "write a new version"},
		"pinned deleted": {root, "versions", 1, vault.CodeDeleted, binding.NotFound, "undelete"},
		"no version":     {root, "versions", 7, vault.CodeNotFound, binding.NotFound, "no such version"},
		"nothing there":  {root, "nothing", 0, vault.CodeNotFound, binding.NotFound, "nothing is stored there"},
		"a hostile path": {root, "x;curl${IFS}evil", 0, vault.CodeNotFound, binding.NotFound, "vault kv put -mount=" + m + " 'x;curl${IFS}evil' token=-"},
		"forbidden":      {poor, "back", 0, vault.CodeForbidden, binding.Forbidden, `data/back" { capabilities = ["read"] }`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ref := secrets.Ref{Mount: m, Path: tc.path, Key: "token", Version: tc.pin}
			_, _, err := tc.client.Read(t.Context(), ref)
			if f := wantFailure(t, err, tc.code, tc.kind); !strings.Contains(message.English(f.Hint), tc.hint) {
				t.Errorf("got hint %q, want %q in it", f.Hint, tc.hint)
			}
			_, err = tc.client.Metadata(t.Context(), ref)
			wantFailure(t, err, tc.code, tc.kind)
		})
	}
	for _, key := range []string{"absent", "empty"} {
		_, _, err := root.Read(t.Context(), secrets.Ref{Mount: m, Path: "back", Key: key})
		wantFailure(t, err, vault.CodeMissingKey, binding.NotFound)
	}
	for _, ref := range []secrets.Ref{{Mount: m, Path: "versions", Key: "token"}, {Mount: m, Path: "back", Key: "token"}} {
		if value, _ := readAll(t, root, ref); value != canary {
			t.Errorf("%s: got %q", ref.Path, value)
		}
	}
	if value, _ := readAll(t, poor, secrets.Ref{Mount: m, Path: "allowed", Key: "token"}); value != canary {
		t.Errorf("got %q", value)
	}
	_, err := root.Metadata(t.Context(), secrets.Ref{Mount: "no-such-mount", Path: "a", Key: "token"})
	wantFailure(t, err, vault.CodeNotFound, binding.NotFound)
}

func contractMetadataRight(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	c := newClient(t, w.options(t, w.token(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/metadata/"}})))
	meta, err := c.Metadata(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"})
	if err != nil || meta.Version != 1 {
		t.Fatalf("got %+v, %v", meta, err)
	}
	_, _, err = c.Read(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"})
	f := wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
	if want := `path "` + m + `/data/a" { capabilities = ["read"] }`; !strings.Contains(message.English(f.Hint), want) {
		t.Errorf("got hint %q, want %q in it", f.Hint, want)
	}
}

func contractV1(t *testing.T, w world) {
	m := w.mount(t, 1)
	w.put(t, m, "a/b", map[string]string{"token": canary})
	c := newClient(t, w.options(t, w.root()))
	value, meta := readAll(t, c, secrets.Ref{Mount: m, Path: "a/b", Key: "token"})
	if diff := cmp.Diff(secrets.Metadata{}, meta); diff != "" || value != canary {
		t.Errorf("got %q and metadata:\n%s", value, diff)
	}
	_, _, err := c.Read(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"})
	wantFailure(t, err, vault.CodeNotFound, binding.NotFound)
	_, _, err = c.Read(t.Context(), secrets.Ref{Mount: m, Path: "a/b", Key: "nope"})
	wantFailure(t, err, vault.CodeMissingKey, binding.NotFound)
	_, _, err = c.Read(t.Context(), secrets.Ref{Mount: m, Path: "a/b", Key: "token", Version: 3})
	wantFailure(t, err, vault.CodeNotFound, binding.Refused)
	configured := w.options(t, w.root())
	configured.KVVersions = map[string]int{m: 1}
	if value, _ := readAll(t, newClient(t, configured), secrets.Ref{Mount: m, Path: "a/b", Key: "token"}); value != canary {
		t.Errorf("got %q with the version configured", value)
	}
}

func contractSealed(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	c := newClient(t, w.options(t, w.root()))
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	readAll(t, c, ref)
	w.seal(t, true)
	for _, client := range []*vault.Client{c, newClient(t, w.options(t, w.root()))} {
		_, err := client.Metadata(t.Context(), ref)
		f := wantFailure(t, err, vault.CodeSealed, binding.Transient)
		if !strings.Contains(message.English(f.Hint), "unseal") {
			t.Errorf("got hint %q", f.Hint)
		}
		_, _, err = client.Read(t.Context(), ref)
		wantFailure(t, err, vault.CodeSealed, binding.Transient)
	}
	w.seal(t, false)
	if value, _ := readAll(t, c, ref); value != canary {
		t.Errorf("got %q after unsealing", value)
	}
}

// withAppRole changes the options to sign in by role id and secret id.
func withAppRole(t *testing.T, o vault.Options, roleID, secretID string) vault.Options {
	t.Helper()
	o.Auth = vault.Auth{AppRole: &vault.AppRole{RoleIDFile: writeFile(t, roleID+"\n"), SecretIDFile: writeFile(t, secretID+"\n")}}
	return o
}

func contractAppRole(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	roleID, secretID := w.role(t, sandbox.VaultToken{TTL: time.Hour, Renewable: true, Paths: []string{m + "/"}})
	c := newClient(t, withAppRole(t, w.options(t, ""), roleID, secretID))
	done := make(chan error)
	for range 20 {
		go func() {
			_, _, err := c.Read(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"})
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := c.Stats(); got.Logins != 1 {
		t.Errorf("got %d logins for 20 readers, want one", got.Logins)
	}
	if err := c.Close(t.Context()); err != nil {
		if f, ok := asFailure(err); !ok || f.Code != vault.CodeForbidden {
			t.Error(err)
		}
	}
	bad := newClient(t, withAppRole(t, w.options(t, ""), roleID, "not-the-secret-id"))
	_, _, err := bad.Read(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"})
	wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
}

func contractOpenRole(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	roleID := w.openRole(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}})
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	o := w.options(t, "")
	o.Auth = vault.Auth{AppRole: &vault.AppRole{RoleIDFile: writeFile(t, roleID+"\n")}}
	if value, _ := readAll(t, newClient(t, o), ref); value != canary {
		t.Errorf("got %q", value)
	}
	// A role that wants a secret id does not take its role id alone.
	roleID, _ = w.role(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}})
	o.Auth = vault.Auth{AppRole: &vault.AppRole{RoleIDFile: writeFile(t, roleID+"\n")}}
	_, _, err := newClient(t, o).Read(t.Context(), ref)
	wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
}

func contractWrapped(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	roleID, _ := w.role(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}})
	o := withAppRole(t, w.options(t, ""), roleID, w.wrap(t))
	o.Auth.AppRole.Wrapped = true
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	if value, _ := readAll(t, newClient(t, o), ref); value != canary {
		t.Errorf("got %q", value)
	}
	_, _, err := newClient(t, o).Read(t.Context(), ref)
	f := wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
	if !strings.Contains(message.English(f.Hint), "somebody else") {
		t.Errorf("got hint %q for a wrapping token that was used", f.Hint)
	}
	overwrite(t, o.Auth.AppRole.SecretIDFile, w.wrap(t))
	if value, _ := readAll(t, newClient(t, o), ref); value != canary {
		t.Errorf("got %q with a new wrapping token", value)
	}
}

func contractPolicyChange(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	roleID, secretID := w.role(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/metadata/"}})
	c := newClient(t, withAppRole(t, w.options(t, ""), roleID, secretID))
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	w.role(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}})
	if value, _ := readAll(t, c, ref); value != canary {
		t.Errorf("got %q", value)
	}
	if got := c.Stats().Logins; got != 2 {
		t.Errorf("got %d logins, want two: the token keeps the policies it was made with", got)
	}
	for range 5 {
		_, err := c.Metadata(t.Context(), secrets.Ref{Mount: m + "x", Path: "a", Key: "token"})
		wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
	}
	if got := c.Stats().Logins; got > 3 {
		t.Errorf("got %d logins: a path that stays forbidden makes a storm", got)
	}
}

func contractRevoked(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	token := w.token(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}})
	o := w.options(t, token)
	c := newClient(t, o)
	readAll(t, c, ref)
	w.revoke(t, token)
	_, err := c.Metadata(t.Context(), ref)
	f := wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
	if !strings.Contains(message.English(f.Hint), "no longer valid") {
		t.Errorf("got hint %q", f.Hint)
	}
	overwrite(t, o.Auth.TokenFile, w.token(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}}))
	readAll(t, c, ref)
}

func contractOutage(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	roleID, secretID := w.role(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/"}})
	o := withAppRole(t, w.options(t, ""), roleID, secretID)
	c := newClient(t, o)
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	readAll(t, c, ref)
	w.outage(t, true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := c.Metadata(ctx, ref)
	wantFailure(t, err, vault.CodeUnreachable, binding.Transient)
	// No time passes between the reads, so that one failed login answers all.
	begun := time.Now()
	o.Timeout, o.Now = time.Second, func() time.Time { return begun }
	late := newClient(t, o)
	for range 5 {
		_, err := late.Metadata(t.Context(), ref)
		wantFailure(t, err, vault.CodeUnreachable, binding.Transient)
	}
	if got := late.Stats().LoginFailures; got != 1 {
		t.Errorf("got %d logins tried at one moment of an outage, want 1", got)
	}
	w.outage(t, false)
	if value, _ := readAll(t, c, ref); value != canary {
		t.Errorf("got %q", value)
	}
	if got := c.Stats().Logins; got != 1 {
		t.Errorf("got %d logins, want the first one only", got)
	}
}

func contractTokenFile(t *testing.T, w world) {
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	o := w.options(t, w.token(t, sandbox.VaultToken{TTL: time.Hour, Paths: []string{m + "/metadata/"}}))
	c := newClient(t, o)
	_, _, err := c.Read(t.Context(), ref)
	wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
	overwrite(t, o.Auth.TokenFile, w.root())
	if value, _ := readAll(t, c, ref); value != canary {
		t.Errorf("got %q", value)
	}
	overwrite(t, o.Auth.TokenFile, "")
	if value, _ := readAll(t, c, ref); value != canary {
		t.Errorf("got %q while the file is being written", value)
	}
}

// asFailure finds the failure in an error.
func asFailure(err error) (*binding.Failure, bool) { return errors.AsType[*binding.Failure](err) }

// noCanary fails if a marked secret is in the text.
func noCanary(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(text, canary) {
		t.Errorf("a secret came out: %s", text)
	}
}
