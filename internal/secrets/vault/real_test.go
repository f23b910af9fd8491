package vault_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/secrets/vault/vaulttest"
)

func TestContractWithARealVault(t *testing.T) {
	runContract(t, func(t *testing.T) world { t.Helper(); return newRealVault(t) })
}

func TestRealVaultLoginsLiveShortLives(t *testing.T) {
	cases := map[string]struct {
		lifetime               sandbox.VaultToken
		minLogins, minRenewals int64
		// apart is the least time from one login to the next; where it is 0,
		// one is enough.
		apart time.Duration
	}{
		// Renewed near 2 s; the maximum of 6 s shortens the renewals after
		// it, and a new login comes before the end.
		"renewed up to its maximum": {sandbox.VaultToken{TTL: 3 * time.Second, MaxTTL: 6 * time.Second}, 2, 1, 4 * time.Second},
		"batch":                     {sandbox.VaultToken{TTL: 3 * time.Second, Batch: true}, 3, 0, 1700 * time.Millisecond},
		"renewed":                   {sandbox.VaultToken{TTL: 3 * time.Second, MaxTTL: time.Hour}, 1, 3, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newRealVault(t)
			m := w.mount(t, 2)
			w.put(t, m, "a", map[string]string{"token": canary})
			tc.lifetime.Paths = []string{m + "/"}
			roleID, secretID := w.role(t, tc.lifetime)
			c := newClient(t, withAppRole(t, w.options(t, ""), roleID, secretID))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- c.Run(ctx) }()
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			// A token that was to be renewed while nothing ran, for the machine
			// was busy, is dead, and the login that follows is right.
			var stalls int64
			begun := time.Now()
			for last := begun; ; last = time.Now() {
				if _, err := c.Metadata(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"}); err != nil {
					t.Fatal(err)
				}
				<-tick.C
				if time.Since(last) > tc.lifetime.TTL/6 {
					stalls++
				}
				got, lived := c.Stats(), time.Since(begun)
				if lived > 8*time.Second && got.Logins >= tc.minLogins && got.Renewals >= tc.minRenewals || lived > 2*time.Minute {
					break
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			got, lived := c.Stats(), time.Since(begun)
			most := 1 + stalls
			if tc.apart > 0 {
				most += int64(lived / tc.apart)
			}
			if got.Logins < tc.minLogins || got.Logins > most || got.Renewals < tc.minRenewals || got.LoginFailures != 0 {
				t.Errorf("got %+v in %v with %d stalls, want %d to %d logins and at least %d renewals", got, lived, stalls, tc.minLogins, most, tc.minRenewals)
			}
		})
	}
}

func TestRealVaultExpiredTokenOfAFileIsForbidden(t *testing.T) {
	w := newRealVault(t)
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	// As short a life as this machine can read within.
	var c *vault.Client
	err := context.DeadlineExceeded
	for lifetime := time.Second; err != nil && lifetime < time.Minute; lifetime *= 2 {
		c = newClient(t, w.options(t, w.token(t, sandbox.VaultToken{TTL: lifetime, Paths: []string{m + "/"}})))
		_, err = c.Metadata(t.Context(), ref)
	}
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := c.Metadata(t.Context(), ref); err != nil {
			wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("a token still works after its end")
		}
	}
}

func TestRealVaultJWTLogin(t *testing.T) {
	w := newRealVault(t)
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	w.EnableAuth(t, "jwt")
	w.Write(t, "auth/jwt/config", map[string]any{
		"jwt_validation_pubkeys": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
	})
	role := w.tokenFields(t, sandbox.VaultToken{TTL: time.Minute, Paths: []string{m + "/"}})
	role["role_type"], role["user_claim"], role["bound_audiences"] = "jwt", "sub", "reconciler"
	w.Write(t, "auth/jwt/role/plan", role)
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	o := w.options(t, "")
	o.Auth = vault.Auth{JWT: &vault.JWT{Role: "plan", TokenFile: writeFile(t, signJWT(t, key, "reconciler"))}}
	if value, _ := readAll(t, newClient(t, o), ref); value != canary {
		t.Errorf("got %q", value)
	}
	o.Auth = vault.Auth{JWT: &vault.JWT{Role: "plan", TokenFile: writeFile(t, signJWT(t, key, "somebody-else"))}}
	_, err = newClient(t, o).Metadata(t.Context(), ref)
	wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
}

// signJWT makes a JWT for the audience (RS256).
func signJWT(t *testing.T, key *rsa.PrivateKey, audience string) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	now := time.Now().Unix()
	text := part(map[string]any{"alg": "RS256", "typ": "JWT"}) + "." +
		part(map[string]any{"sub": canary, "aud": audience, "iat": now, "nbf": now - 10, "exp": now + 300})
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestRealVaultTLSAndCertificateLogin(t *testing.T) {
	w := &realVault{Server: vaulttest.Start(t, vaulttest.Options{TLS: true})}
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	readAll(t, newClient(t, w.options(t, w.root())), ref)

	cert, key, ca := vaulttest.Certificates(t, t.TempDir())
	authority, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	w.EnableAuth(t, "cert")
	role := w.tokenFields(t, sandbox.VaultToken{TTL: time.Minute, Paths: []string{m + "/"}})
	role["certificate"] = string(authority)
	w.Write(t, "auth/cert/certs/daemon", role)
	o := w.options(t, "")
	o.ClientCertFile, o.ClientKeyFile = cert, key
	for _, name := range []string{"daemon", ""} {
		o.Auth = vault.Auth{Cert: &vault.Cert{Role: name}}
		if value, _ := readAll(t, newClient(t, o), ref); value != canary {
			t.Errorf("role %q: got %q", name, value)
		}
	}
	foreign := o
	foreign.ClientCertFile, foreign.ClientKeyFile, _ = vaulttest.Certificates(t, t.TempDir())
	_, err = newClient(t, foreign).Metadata(t.Context(), ref)
	wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)

	named := w.options(t, w.root())
	named.ServerName = "vault.test"
	readAll(t, newClient(t, named), ref)
	for name, change := range map[string]func(*vault.Options){
		"an unknown authority": func(o *vault.Options) { o.CAFile = "" },
		"another name":         func(o *vault.Options) { o.ServerName = "vault.invalid" },
	} {
		t.Run(name, func(t *testing.T) {
			o := w.options(t, w.root())
			change(&o)
			_, err := newClient(t, o).Metadata(t.Context(), ref)
			wantFailure(t, err, vault.CodeUnreachable, binding.Transient)
		})
	}
}

func TestRealVaultRotationIsSeenInTheMetadata(t *testing.T) {
	w := newRealVault(t)
	m := w.mount(t, 2)
	c := newClient(t, w.options(t, w.root()))
	ref := secrets.Ref{Mount: m, Path: "a", Key: "token"}
	for want := 1; want <= 3; want++ {
		w.put(t, m, "a", map[string]string{"token": canary})
		if _, meta := readAll(t, c, ref); meta.Version != want || meta.Latest != want {
			t.Errorf("got %+v, want version %d", meta, want)
		}
	}
}

func TestRealVaultRateLimitsAreThrottling(t *testing.T) {
	w := newRealVault(t)
	m := w.mount(t, 2)
	w.put(t, m, "a", map[string]string{"token": canary})
	w.Write(t, "sys/quotas/config", map[string]any{"enable_rate_limit_response_headers": true})
	w.Write(t, "sys/quotas/rate-limit/test", map[string]any{"path": m, "rate": 2.0, "interval": "10s"})
	c := newClient(t, w.options(t, w.root()))
	// Just before the interval's end Vault asks for a wait of 0 seconds, so that
	// one answer without a wait says nothing.
	for range 40 {
		_, err := c.Metadata(t.Context(), secrets.Ref{Mount: m, Path: "a", Key: "token"})
		if err != nil && wantFailure(t, err, vault.CodeThrottled, binding.Throttled).RetryAfter > 0 {
			return
		}
	}
	t.Error("forty reads in a moment, two in ten seconds allowed, and none throttled with a time to wait")
}
