package vault_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/secrets/vault/vaulttest"
)

func TestAnswersOfTheServerAreToldApart(t *testing.T) {
	cases := map[string]struct {
		fault sandbox.Fault
		code  string
		kind  binding.FailureKind
		hint  string
	}{
		"throttled":           {sandbox.Fault{Status: 429, Header: http.Header{"Retry-After": {"7"}}}, vault.CodeThrottled, binding.Throttled, "quota"},
		"not caught up":       {sandbox.Fault{Status: 412}, vault.CodeUnreachable, binding.Transient, "caught up"},
		"DR secondary":        {sandbox.Fault{Status: 472}, vault.CodeUnreachable, binding.Transient, "disaster recovery"},
		"performance standby": {sandbox.Fault{Status: 473}, vault.CodeUnreachable, binding.Transient, "performance standby"},
		"standby":             {sandbox.Fault{Status: 503, Body: `{"errors":["` + canary + ` no leader"]}`}, vault.CodeUnreachable, binding.Transient, "leader"},
		"sealed":              {sandbox.Fault{Status: 503, Body: `{"errors":["Vault is sealed"]}`}, vault.CodeSealed, binding.Transient, "unseal"},
		"not initialized":     {sandbox.Fault{Status: 501}, vault.CodeSealed, binding.Transient, "unseal"},
		"internal error":      {sandbox.Fault{Status: 500, Body: `{"errors":["value ` + canary + ` is bad"]}`}, vault.CodeUnreachable, binding.Transient, "vault status"},
		"bad request":         {sandbox.Fault{Status: 400, Body: `{"errors":["` + canary + `"]}`}, vault.CodeRefused, binding.Refused, "audit log"},
		"page of a proxy":     {sandbox.Fault{Status: 200, ContentType: "text/html", Body: "<html>" + canary}, vault.CodeUnreadable, binding.Unreadable, "proxy"},
		"no data":             {sandbox.Fault{Status: 200, Body: `{"data":null,"warnings":["` + canary + `"]}`}, vault.CodeUnreadable, binding.Unreadable, "proxy"},
		"wrong types":         {sandbox.Fault{Status: 200, Body: `{"data":{"metadata":"` + canary + `","versions":"` + canary + `"}}`}, vault.CodeUnreadable, binding.Unreadable, "proxy"},
		"empty":               {sandbox.Fault{Status: 200}, vault.CodeUnreadable, binding.Unreadable, "proxy"},
		"no content":          {sandbox.Fault{Status: 204}, vault.CodeRefused, binding.Refused, ""},
		"cut":                 {sandbox.Fault{Cut: true}, vault.CodeUnreachable, binding.Transient, "network"},
		"redirected away":     {sandbox.Fault{Status: 307, Header: http.Header{"Location": {"http://127.0.0.2:1/v1/x"}}}, vault.CodeUnreachable, binding.Refused, "peers"},
		"redirected for ever": {sandbox.Fault{Status: 307, Header: http.Header{"Location": {"/v1/secret/data/a"}}}, vault.CodeRefused, binding.Refused, "load balancer"},
		"too slow":            {sandbox.Fault{Delay: time.Hour}, vault.CodeUnreachable, binding.Transient, "network"},
		"too large":           {sandbox.Fault{Status: 200, Body: `{"data":{"data":{"token":"` + strings.Repeat(canary, 1<<19) + `"}}}`}, vault.CodeUnreadable, binding.Unreadable, "proxy"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newFakeVault(t, nil)
			w.Put("secret", "a", map[string]string{"token": canary})
			o := w.options(t, rootToken)
			o.KVVersions = map[string]int{"secret": 2}
			c := newClient(t, o)
			err := c.Check(t.Context())
			if tc.fault.Delay > 0 {
				// As short a limit as this machine can sign in within.
				err = context.DeadlineExceeded
				for o.Timeout = 50 * time.Millisecond; err != nil && o.Timeout < time.Minute; o.Timeout *= 2 {
					c = newClient(t, o)
					err = c.Check(t.Context())
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			w.Faults.Add(tc.fault)
			ref := secrets.Ref{Mount: "secret", Path: "a", Key: "token"}
			_, metaErr := c.Metadata(t.Context(), ref)
			_, _, readErr := c.Read(t.Context(), ref)
			for _, err := range []error{metaErr, readErr} {
				f := wantFailure(t, err, tc.code, tc.kind)
				if !strings.Contains(message.English(f.Hint), tc.hint) {
					t.Errorf("got hint %q, want %q in it", f.Hint, tc.hint)
				}
				if tc.fault.Status == 429 && f.RetryAfter != 7*time.Second {
					t.Errorf("got RetryAfter %v", f.RetryAfter)
				}
			}
		})
	}
}

func TestAServerCannotSilenceUsForEver(t *testing.T) {
	for _, after := range []string{"99999999", "9223372036854775807", "18446744073709551615"} {
		w := newFakeVault(t, nil)
		o := w.options(t, rootToken)
		o.KVVersions = map[string]int{"secret": 2}
		c := newClient(t, o)
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Faults.Add(sandbox.Fault{Status: 429, Header: http.Header{"Retry-After": {after}}})
		_, err := c.Metadata(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "token"})
		f := wantFailure(t, err, vault.CodeThrottled, binding.Throttled)
		if f.RetryAfter < 0 || f.RetryAfter > time.Hour {
			t.Errorf("Retry-After %s asks for %v", after, f.RetryAfter)
		}
	}
}

// TestClosingWhileAReadIsRefused: the daemon closes the client while a worker
// may still be told 403.
func TestClosingWhileAReadIsRefused(t *testing.T) {
	w := newFakeVault(t, nil)
	o := w.options(t, rootToken)
	o.KVVersions = map[string]int{"secret": 2}
	var c *vault.Client
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/secret/") {
			if err := c.Close(t.Context()); err != nil {
				t.Error(err)
			}
			rw.WriteHeader(http.StatusForbidden)
			return
		}
		w.Handler().ServeHTTP(rw, r)
	}))
	defer server.Close()
	o.Address = server.URL
	c = newClient(t, o)
	_, err := c.Metadata(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "token"})
	wantFailure(t, err, vault.CodeForbidden, binding.Forbidden)
}

func TestReadsAreTriedAgain(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"after a 412":               {Status: 412, Times: 2},
		"after a broken connection": {Cut: true, Times: 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFakeVault(t, nil)
			w.Put("secret", "a", map[string]string{"token": canary})
			c := newClient(t, w.options(t, rootToken))
			if err := c.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Faults.Add(fault)
			readAll(t, c, secrets.Ref{Mount: "secret", Path: "a", Key: "token"})
		})
	}
}

func TestALoginIsNotSentTwice(t *testing.T) {
	w := newFakeVault(t, nil)
	roleID, secretID := w.role(t, sandbox.VaultToken{})
	w.Faults.Add(sandbox.Fault{Match: func(r *http.Request) bool { return r.Method != http.MethodGet }, DropResponse: true})
	c := newClient(t, withAppRole(t, w.options(t, ""), roleID, secretID))
	wantFailure(t, c.Check(t.Context()), vault.CodeUnreachable, binding.Transient)
	if got := w.Count("/login"); got != 1 {
		t.Errorf("got %d logins, want one: a secret id may have one use only", got)
	}
}

func TestAStandbyMayRedirectToAPeerOnly(t *testing.T) {
	leader := newFakeVault(t, nil)
	leader.Put("secret", "a", map[string]string{"token": canary})
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, leader.server.URL+r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}))
	defer standby.Close()
	o := leader.options(t, rootToken)
	o.Address = standby.URL
	ref := secrets.Ref{Mount: "secret", Path: "a", Key: "token"}
	_, err := newClient(t, o).Metadata(t.Context(), ref)
	wantFailure(t, err, vault.CodeUnreachable, binding.Refused)
	if len(leader.Calls()) != 0 {
		t.Error("a token was sent to a host that nobody named")
	}
	o.Peers = []string{leader.server.URL}
	if value, _ := readAll(t, newClient(t, o), ref); value != canary {
		t.Errorf("got %q", value)
	}
}

func TestTheCallersContextEndsACall(t *testing.T) {
	w := newFakeVault(t, nil)
	w.Faults.Add(sandbox.Fault{Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := newClient(t, w.options(t, rootToken))
	_, err := c.Metadata(ctx, secrets.Ref{Mount: "secret", Path: "a", Key: "token"})
	wantFailure(t, err, vault.CodeUnreachable, binding.Transient)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error in it", err)
	}
	w.Faults.Clear()
	w.Put("secret", "a", map[string]string{"token": canary})
	if _, err := c.Metadata(t.Context(), secrets.Ref{Mount: "secret", Path: "a", Key: "token"}); err != nil {
		t.Errorf("one caller who gave up delays the next: %v", err)
	}
}

func TestTLS(t *testing.T) {
	w := newFakeVault(t, nil)
	w.Put("secret", "a", map[string]string{"token": canary})
	w.SetRole(sandbox.VaultRole{Mount: "cert", Credentials: map[string]string{"name": "daemon"}, Token: sandbox.VaultToken{Paths: []string{"secret/"}}})
	server := httptest.NewUnstartedServer(w.Handler())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	defer server.Close()
	ca := writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	cert, key, _ := vaulttest.Certificates(t, t.TempDir())
	base := vault.Options{
		Address: server.URL, Timeout: time.Minute, CAFile: ca, ClientCertFile: cert, ClientKeyFile: key,
		Auth: vault.Auth{Cert: &vault.Cert{Role: "daemon"}},
	}
	ref := secrets.Ref{Mount: "secret", Path: "a", Key: "token"}
	if value, _ := readAll(t, newClient(t, base), ref); value != canary {
		t.Errorf("got %q", value)
	}
	named := base
	named.ServerName = "example.com"
	readAll(t, newClient(t, named), ref)
	cases := map[string]struct {
		change func(*vault.Options)
		hint   string
	}{
		"an unknown authority": {func(o *vault.Options) { o.CAFile = "" }, "caFile"},
		"another name":         {func(o *vault.Options) { o.ServerName = "vault.invalid" }, "serverName"},
		"no client certificate": {func(o *vault.Options) {
			o.ClientCertFile, o.ClientKeyFile, o.Auth = "", "", vault.Auth{TokenFile: writeFile(t, rootToken)}
		}, "network"},
		"a server without TLS": {func(o *vault.Options) { o.Address = strings.Replace(w.server.URL, "http:", "https:", 1) }, "TLS"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := base
			tc.change(&o)
			_, err := newClient(t, o).Metadata(t.Context(), ref)
			if f := wantFailure(t, err, vault.CodeUnreachable, binding.Transient); !strings.Contains(message.English(f.Hint), tc.hint) {
				t.Errorf("got hint %q, want %q in it: %v", f.Hint, tc.hint, err)
			}
		})
	}
}

func TestReferencesStayBelowTheirMount(t *testing.T) {
	w := newFakeVault(t, nil)
	c := newClient(t, w.options(t, rootToken))
	for _, ref := range []secrets.Ref{
		{},
		{Mount: "secret", Path: "a"},
		{Mount: "secret", Key: "k"},
		{Mount: "secret", Path: "../../auth/token/lookup-self", Key: "id"},
		{Mount: "secret", Path: "a/./b", Key: "k"},
		{Mount: "secret/", Path: "a", Key: "k"},
		{Mount: "secret", Path: "/a", Key: "k"},
		{Mount: "secret", Path: "a//b", Key: "k"},
		{Mount: "secret", Path: "a\nb", Key: "k"},
		{Mount: "secret", Path: "a", Key: "k", Version: -1},
	} {
		_, err := c.Metadata(t.Context(), ref)
		wantFailure(t, err, vault.CodeRefused, binding.Refused)
		_, _, err = c.Read(t.Context(), ref)
		wantFailure(t, err, vault.CodeRefused, binding.Refused)
	}
	if len(w.Calls()) != 0 {
		t.Errorf("Vault was asked: %v", w.Calls())
	}
	w.Put("secret", "带 空格?x=1/b#c", map[string]string{"token": canary})
	readAll(t, c, secrets.Ref{Mount: "secret", Path: "带 空格?x=1/b#c", Key: "token"})
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	token := vault.Auth{TokenFile: "/token"}
	cases := map[string]vault.Options{
		"no address":                  {Auth: token},
		"no scheme":                   {Address: "vault.example.com:8200", Auth: token},
		"clear on the network":        {Address: "http://vault.example.com:8200", Auth: token},
		"credentials":                 {Address: "https://u:" + canary + "@vault.example.com", Auth: token},
		"query":                       {Address: "https://vault.example.com/?a=b", Auth: token},
		"peer":                        {Address: "https://vault.example.com", Peers: []string{"http://10.0.0.1"}, Auth: token},
		"no way to sign in":           {Address: "https://vault.example.com"},
		"two ways to sign in":         {Address: "https://vault.example.com", Auth: vault.Auth{TokenFile: "/a", TokenEnvironment: "B"}},
		"an AppRole that is none":     {Address: "https://vault.example.com", Auth: vault.Auth{AppRole: &vault.AppRole{SecretIDFile: "/a"}}},
		"a wrapped secret id of none": {Address: "https://vault.example.com", Auth: vault.Auth{AppRole: &vault.AppRole{RoleIDFile: "/a", Wrapped: true}}},
		"no Kubernetes role":          {Address: "https://vault.example.com", Auth: vault.Auth{Kubernetes: &vault.JWT{}}},
		"no JWT file":                 {Address: "https://vault.example.com", Auth: vault.Auth{JWT: &vault.JWT{Role: "r"}}},
		"no certificate":              {Address: "https://vault.example.com", Auth: vault.Auth{Cert: &vault.Cert{}}},
		"half a certificate":          {Address: "https://vault.example.com", Auth: token, ClientKeyFile: "/k"},
		"certificate missing":         {Address: "https://vault.example.com", Auth: token, ClientKeyFile: "/k", ClientCertFile: "/c"},
		"CA missing":                  {Address: "https://vault.example.com", Auth: token, CAFile: "/no/such/ca"},
		"CA empty":                    {Address: "https://vault.example.com", Auth: token, CAFile: writeFile(t, "nothing")},
		"KV version":                  {Address: "https://vault.example.com", Auth: token, KVVersions: map[string]int{"a": 3}},
	}
	for name, o := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := vault.New(o)
			if err == nil {
				t.Fatal("accepted")
			}
			noCanary(t, err.Error())
		})
	}
}
