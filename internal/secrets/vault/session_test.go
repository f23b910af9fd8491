package vault_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// aged is a sandbox and a client that share a clock and an AppRole whose
// tokens have the given life.
func aged(t *testing.T, lifetime sandbox.VaultToken) (*fakeVault, *vault.Client, *clock, secrets.Ref) {
	t.Helper()
	time := newClock()
	w := newFakeVault(t, time.Now)
	w.Put("secret", "a", map[string]string{"token": canary})
	lifetime.Paths = []string{"secret/"}
	roleID, secretID := w.role(t, lifetime)
	o := withAppRole(t, w.options(t, ""), roleID, secretID)
	o.Now = time.Now
	return w, newClient(t, o), time, secrets.Ref{Mount: "secret", Path: "a", Key: "token"}
}

func TestALoginIsKeptForItsWholeLife(t *testing.T) {
	cases := map[string]struct {
		lifetime sandbox.VaultToken
		// The counts after ten minutes of a read each second.
		minLogins, maxLogins, minRenewals, maxRenewals int64
	}{
		"renewed at two thirds": {sandbox.VaultToken{TTL: time.Minute, Renewable: true}, 1, 1, 14, 17},
		// A token of 150 s is renewed near 40, 80 and 120 s; the last time
		// gives less, and the login comes before its end.
		"logged in again at its maximum": {sandbox.VaultToken{TTL: time.Minute, MaxTTL: 150 * time.Second, Renewable: true}, 4, 6, 8, 16},
		"not renewable":                  {sandbox.VaultToken{TTL: time.Minute}, 14, 18, 0, 0},
		"batch":                          {sandbox.VaultToken{TTL: time.Minute, Batch: true, Renewable: true}, 14, 18, 0, 0},
		"without end":                    {sandbox.VaultToken{}, 1, 1, 0, 0},
		"very short":                     {sandbox.VaultToken{TTL: 3 * time.Second, Renewable: true}, 1, 1, 250, 600},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w, c, time, ref := aged(t, tc.lifetime)
			for range 600 {
				if _, err := c.Metadata(t.Context(), ref); err != nil {
					t.Fatal(err)
				}
				time.add(1e9)
			}
			got := c.Stats()
			if got.Logins < tc.minLogins || got.Logins > tc.maxLogins || got.Renewals < tc.minRenewals || got.Renewals > tc.maxRenewals {
				t.Errorf("got %+v, want %d to %d logins and %d to %d renewals", got, tc.minLogins, tc.maxLogins, tc.minRenewals, tc.maxRenewals)
			}
			if int64(w.Count("/login")) != got.Logins || int64(w.Count("/renew-self")) != got.Renewals {
				t.Errorf("the server saw %d logins and %d renewals, the client %+v", w.Count("/login"), w.Count("/renew-self"), got)
			}
		})
	}
}

func TestAFailedRenewalKeepsTheTokenInUse(t *testing.T) {
	w, c, time, ref := aged(t, sandbox.VaultToken{TTL: 3 * time.Minute, Renewable: true})
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	w.Faults.Add(sandbox.Fault{Match: func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/v1/auth/") }, Status: 500})
	for range 179 {
		time.add(1e9)
		if _, err := c.Metadata(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Count("renew-self") + w.Count("login"); got > 12 {
		t.Errorf("got %d calls to renew in the last third of the life, want a growing pause", got)
	}
	time.add(2e9)
	_, err := c.Metadata(t.Context(), ref)
	wantFailure(t, err, vault.CodeUnreachable, binding.Transient)
	w.Faults.Clear()
	time.add(60e9)
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

func TestNoLoginStormWhenVaultReturns(t *testing.T) {
	w, c, time, ref := aged(t, sandbox.VaultToken{TTL: time.Minute, Renewable: true})
	var logins sync.Map
	count := func() (n int) {
		logins.Range(func(any, any) bool { n++; return true })
		return n
	}
	w.Faults.Add(sandbox.Fault{Match: func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/login") {
			logins.Store(r, true)
		}
		return true
	}, Status: 503, Body: `{"errors":["` + canary + `"]}`})
	readers := 50
	if testing.Short() {
		readers = 10
	}
	storm := func() {
		var wg sync.WaitGroup
		for range readers {
			wg.Go(func() {
				if _, err := c.Metadata(t.Context(), ref); err != nil {
					noCanary(t, err.Error())
				}
			})
		}
		wg.Wait()
	}
	for range 300 {
		storm()
		time.add(1e9)
	}
	if got := count(); got < 5 || got > 18 {
		t.Errorf("got %d logins tried by %d readers in a five minute outage, want a pause that grows to a minute", got, 300*readers)
	}
	// The pause is random: if it has just ended, this call tries, and begins the next.
	_, _ = c.Metadata(t.Context(), ref)
	_, err := c.Metadata(t.Context(), ref)
	if f := wantFailure(t, err, vault.CodeUnreachable, binding.Transient); f.RetryAfter <= 0 || f.RetryAfter > 60e9 {
		t.Errorf("got RetryAfter %v", f.RetryAfter)
	}
	w.Faults.Clear()
	time.add(60e9)
	before := w.Count("/login")
	storm()
	if got := w.Count("/login") - before; got != 1 {
		t.Errorf("got %d logins when Vault returned, want one", got)
	}
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

func TestAPathThatStaysForbiddenMakesFewLogins(t *testing.T) {
	w, c, clock, ref := aged(t, sandbox.VaultToken{})
	every := time.Minute
	if testing.Short() {
		every = 5 * time.Minute
	}
	for range 24 * time.Hour / every {
		for _, path := range []string{"x", "y", "z"} {
			_, err := c.Metadata(t.Context(), secrets.Ref{Mount: "other", Path: path, Key: "k"})
			wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
		}
		clock.add(every)
	}
	if got := w.Count("/login"); got > 32 {
		t.Errorf("got %d logins a day for paths that stay forbidden", got)
	}
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Error(err)
	}
}

func TestTokensThatVaultForgotAreReplaced(t *testing.T) {
	w, c, time, ref := aged(t, sandbox.VaultToken{TTL: time.Hour, Renewable: true})
	for range 3 {
		if _, err := c.Metadata(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
		w.RevokeAll()
		time.add(1e9)
	}
	if _, err := c.Metadata(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if got := c.Stats().Logins; got < 3 || got > 4 {
		t.Errorf("got %d logins, want one for each time", got)
	}
}

func TestEveryLoginMethodSendsItsCredential(t *testing.T) {
	cases := map[string]struct {
		mount string
		wants map[string]string
		auth  func(t *testing.T) vault.Auth
	}{
		"kubernetes": {"kubernetes", map[string]string{"role": "daemon", "jwt": "service-account"}, func(t *testing.T) vault.Auth {
			return vault.Auth{Kubernetes: &vault.JWT{Role: "daemon", TokenFile: writeFile(t, "service-account\n")}}
		}},
		"jwt at its own mount": {"ci/gitlab", map[string]string{"role": "plan", "jwt": "id-token"}, func(t *testing.T) vault.Auth {
			return vault.Auth{JWT: &vault.JWT{Mount: "ci/gitlab", Role: "plan", TokenFile: writeFile(t, "id-token")}}
		}},
		"approle": {"approle", map[string]string{"role_id": "r", "secret_id": "s"}, func(t *testing.T) vault.Auth {
			return vault.Auth{AppRole: &vault.AppRole{RoleIDFile: writeFile(t, "r"), SecretIDFile: writeFile(t, "s")}}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newFakeVault(t, nil)
			w.Put("secret", "a", map[string]string{"token": canary})
			w.SetRole(sandbox.VaultRole{Mount: tc.mount, Credentials: tc.wants, Token: sandbox.VaultToken{Paths: []string{"secret/"}}})
			o := w.options(t, "")
			o.Auth = tc.auth(t)
			if value, _ := readAll(t, newClient(t, o), secrets.Ref{Mount: "secret", Path: "a", Key: "token"}); value != canary {
				t.Errorf("got %q", value)
			}
		})
	}
}

func TestATokenOfTheEnvironmentIsNamedByItsVariable(t *testing.T) {
	w := newFakeVault(t, nil)
	w.Put("secret", "a", map[string]string{"token": canary})
	// What the api package would take from the environment must not count.
	t.Setenv("VAULT_TOKEN", "hvs.wrong")
	t.Setenv("VAULT_NAMESPACE", "wrong")
	t.Setenv("VAULT_ADDR", "https://wrong.invalid")
	t.Setenv("VAULT_HEADERS", `{"X-Wrong":"1"}`)
	t.Setenv("RECONCILER_TEST_TOKEN", rootToken+"\n")
	o := w.options(t, "")
	o.Auth = vault.Auth{TokenEnvironment: "RECONCILER_TEST_TOKEN"}
	o.Namespace = "team/a"
	if value, _ := readAll(t, newClient(t, o), secrets.Ref{Mount: "secret", Path: "a", Key: "token"}); value != canary {
		t.Errorf("got %q", value)
	}
	for _, call := range w.Calls() {
		if call.Namespace != "team/a" {
			t.Errorf("%s went to namespace %q", call.Path, call.Namespace)
		}
	}
	o.Auth.TokenEnvironment = "RECONCILER_TEST_UNSET"
	if _, err := vault.New(o); err == nil || !strings.Contains(err.Error(), "RECONCILER_TEST_UNSET") {
		t.Errorf("got %v for a variable that is not set", err)
	}
}

func TestAWrappingTokenFromElsewhereIsNotOpened(t *testing.T) {
	w := newFakeVault(t, nil)
	roleID, _ := w.role(t, sandbox.VaultToken{})
	foreign := w.Wrap("cubbyhole/response", map[string]any{"secret_id": canary + "-foreign"})
	o := withAppRole(t, w.options(t, ""), roleID, foreign)
	o.Auth.AppRole.Wrapped = true
	_, err := newClient(t, o).Metadata(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "k"})
	if f := wantFailure(t, err, vault.CodeForbidden, binding.Forbidden); !strings.Contains(message.English(f.Hint), "who put it there") {
		t.Errorf("got hint %q", f.Hint)
	}
	if w.Count("/unwrap") != 0 {
		t.Error("it was unwrapped")
	}
}

func TestAnUnwrappedSecretIDServesLaterLogins(t *testing.T) {
	clock := newClock()
	w := newFakeVault(t, clock.Now)
	w.Put("secret", "a", map[string]string{"token": canary})
	roleID, _ := w.role(t, sandbox.VaultToken{TTL: time.Minute, Paths: []string{"secret/"}})
	o := withAppRole(t, w.options(t, ""), roleID, w.wrap(t))
	o.Auth.AppRole.Wrapped, o.Now = true, clock.Now
	c := newClient(t, o)
	for range 5 {
		if _, err := c.Metadata(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "token"}); err != nil {
			t.Fatal(err)
		}
		clock.add(2 * time.Minute)
	}
	if w.Count("/unwrap") != 1 || w.Count("/login") != 5 {
		t.Errorf("got %d unwrappings and %d logins, want 1 and 5", w.Count("/unwrap"), w.Count("/login"))
	}
}

func TestATokenThatMayNotLookItselfUpIsUsed(t *testing.T) {
	w := newFakeVault(t, nil)
	w.Put("secret", "a", map[string]string{"token": canary})
	refuse := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "lookup-self") {
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		w.Handler().ServeHTTP(rw, r)
	})
	server := httptest.NewServer(refuse)
	defer server.Close()
	o := w.options(t, rootToken)
	o.Address = server.URL
	readAll(t, newClient(t, o), secrets.Ref{Mount: "secret", Path: "a", Key: "token"})
}

func TestCredentialFilesThatCannotBeReadSayWhich(t *testing.T) {
	w := newFakeVault(t, nil)
	for name, file := range map[string]string{"missing": "/no/such/file", "empty": writeFile(t, " \n"), "a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) {
			o := w.options(t, "")
			o.Auth.TokenFile = file
			_, err := newClient(t, o).Metadata(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "k"})
			if f := wantFailure(t, err, vault.CodeForbidden, binding.Forbidden); f.Object != file {
				t.Errorf("got object %q, want %q", f.Object, file)
			}
		})
	}
}

func TestValuesAreKnownToTheRedactorWhileTheyLive(t *testing.T) {
	clock := newClock()
	r := secrets.NewRedactor(clock.Now)
	w := newFakeVault(t, nil)
	w.Put("secret", "a", map[string]string{"token": canary})
	o := w.options(t, rootToken)
	o.Redactor = r
	value, _, err := newClient(t, o).Read(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "token"})
	if err != nil {
		t.Fatal(err)
	}
	noCanary(t, r.Redact("x "+canary))
	if got := r.Redact(rootToken); got != "[secret]" {
		t.Errorf("our own token is shown as %q", got)
	}
	value.Wipe()
	clock.add(time.Hour)
	if got := r.Redact(canary); got != canary {
		t.Errorf("a wiped value is still known: %q", got)
	}
}

func TestABadWrappingTokenDoesNotTakeAwayAGoodSecretID(t *testing.T) {
	clock := newClock()
	w := newFakeVault(t, clock.Now)
	w.Put("secret", "a", map[string]string{"token": canary})
	roleID, _ := w.role(t, sandbox.VaultToken{TTL: time.Minute, Paths: []string{"secret/"}})
	o := withAppRole(t, w.options(t, ""), roleID, w.wrap(t))
	o.Auth.AppRole.Wrapped, o.Now = true, clock.Now
	c := newClient(t, o)
	ref := secrets.Ref{Mount: "secret", Path: "a", Key: "token"}
	readAll(t, c, ref)
	overwrite(t, o.Auth.AppRole.SecretIDFile, "hvs.expired")
	clock.add(time.Hour)
	readAll(t, c, ref)
	overwrite(t, o.Auth.AppRole.SecretIDFile, w.wrap(t))
	clock.add(time.Hour)
	readAll(t, c, ref)
	if got := w.Count("/unwrap"); got != 2 {
		t.Errorf("got %d unwrappings, want the first and the new one", got)
	}
}

func TestALostTokenDoesNotHideTheEnginesVersion(t *testing.T) {
	w, c, _, _ := aged(t, sandbox.VaultToken{TTL: time.Hour})
	w.Mount("secret/old", 1)
	w.Put("secret/old", "b", map[string]string{"token": canary})
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.RevokeAll()
	if value, _ := readAll(t, c, secrets.Ref{Mount: "secret/old", Path: "b", Key: "token"}); value != canary {
		t.Errorf("got %q", value)
	}
}
