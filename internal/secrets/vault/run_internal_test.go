package vault

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
)

// inProcess is a transport that asks a handler without a network, for tests in
// a bubble of synctest.
type inProcess struct{ http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// file writes a credential's file.
func file(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestRunKeepsTheLoginAliveWithoutReads(t *testing.T) {
	roleID, secretID := file(t, "r"), file(t, "s")
	cases := map[string]struct {
		lifetime             sandbox.VaultToken
		maxLogins, minLogins int
	}{
		"renewed":     {sandbox.VaultToken{TTL: time.Hour, Renewable: true}, 1, 1},
		"batch":       {sandbox.VaultToken{TTL: time.Hour, Batch: true}, 41, 35},
		"without end": {sandbox.VaultToken{}, 1, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := sandbox.NewVault("root", time.Now)
				tc.lifetime.Paths = []string{"secret/"}
				v.SetRole(sandbox.VaultRole{Mount: "approle", Credentials: map[string]string{"role_id": "r", "secret_id": "s"}, Token: tc.lifetime})
				c, err := New(Options{Address: "http://127.0.0.1:1", Auth: Auth{AppRole: &AppRole{RoleIDFile: roleID, SecretIDFile: secretID}}})
				if err != nil {
					t.Fatal(err)
				}
				transport, ok := c.sessions.base.CloneConfig().HttpClient.Transport.(*guard)
				if !ok {
					t.Fatal("the transport is not ours")
				}
				transport.inner = inProcess{v.Handler()}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- c.Run(ctx) }()
				time.Sleep(24 * time.Hour)
				if got := v.Count("/login"); got < tc.minLogins || got > tc.maxLogins {
					t.Errorf("got %d logins in a day, want %d to %d", got, tc.minLogins, tc.maxLogins)
				}
				if s := c.sessions.current.Load(); !c.sessions.usable(s) {
					t.Error("the token is not usable after a day")
				}
				// A night without Vault: tried once a minute at most, and well
				// again by itself.
				before := len(v.Calls())
				v.Seal(true)
				time.Sleep(8 * time.Hour)
				if got := len(v.Calls()) - before; got > 2*8*60 {
					t.Errorf("got %d calls in a night without Vault", got)
				}
				v.Seal(false)
				time.Sleep(2 * time.Minute)
				if s := c.sessions.current.Load(); !c.sessions.usable(s) {
					t.Error("the token is not usable after the night")
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func FuzzAnswersAreReadWithoutPanic(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"data":null}`, `{"data":{"data":{"token":"x"},"metadata":{"version":1,"deletion_time":"","destroyed":false}}}`,
		`{"data":{"current_version":2,"versions":{"1":{"created_time":"2026-11-22T00:00:00Z","deletion_time":"","destroyed":true}}}}`,
		`{"data":{"data":{"token":12},"metadata":{"version":"1"}}}`, `{"data":{"token":"a\n\u00e9\ud800"}}`, `[1,2]`, `{"data":[]}`,
		`{"data":{"versions":{"0":null},"custom_metadata":{"a":"b"}}}`, `{"data":{"metadata":{"deletion_time":"yesterday"}}}`,
	} {
		f.Add([]byte(seed))
	}
	c := call{op: message.New("op.vault.read"), object: "o", path: "p"}
	f.Fuzz(func(t *testing.T, body []byte) {
		var state secretState
		if err := decode(append([]byte(nil), body...), &state); err == nil {
			meta, err := c.selectVersion(state, secrets.Ref{Mount: "m", Path: "p", Key: "k"}, time.Now())
			if err == nil && meta.Version != state.CurrentVersion {
				t.Errorf("got version %d of %d", meta.Version, state.CurrentVersion)
			}
		}
		var data versionData
		if err := decode(append([]byte(nil), body...), &data); err == nil {
			for _, raw := range data.Data {
				if value, ok := unquote(raw); ok && len(value) > len(raw)*3 {
					t.Errorf("%d bytes out of %d", len(value), len(raw))
				}
			}
		}
		var mount mountState
		_ = decode(append([]byte(nil), body...), &mount)
	})
}
