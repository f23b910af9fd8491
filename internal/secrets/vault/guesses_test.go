package vault_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// scripted is a Vault that answers by path, with a status before the body.
func scripted(t *testing.T, answer func(r *http.Request) (status int, body string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, body := answer(r)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// A check of the login passes only where Vault itself knows the token.
func TestALoginIsGoodOnlyByVaultsOwnAnswer(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		good   bool
	}{
		"known":                   {200, `{"data":{"ttl":0}}`, true},
		"no right to look":        {403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`, true},
		"an invalid token":        {403, `{"errors":["permission denied","invalid token"]}`, false},
		"a bad token":             {403, `{"errors":["bad token"]}`, false},
		"a page of a proxy":       {403, `<html>blocked</html>`, false},
		"a proxy that has JSON":   {403, `{"message":"blocked"}`, false},
		"a proxy without a token": {407, ``, false},
	} {
		address := scripted(t, func(*http.Request) (int, string) { return tt.status, tt.body })
		err := newClient(t, vault.Options{Address: address, Auth: vault.Auth{TokenFile: writeFile(t, "\ufeff"+rootToken+"\r\n")}}).Login(t.Context())
		if (err == nil) != tt.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What somebody else answered is not the life of the token: it would never be
// renewed.
func TestAProxysRefusalIsNoTokenWithoutEnd(t *testing.T) {
	blocked := true
	address := scripted(t, func(*http.Request) (int, string) {
		if blocked {
			return 403, "<html>blocked</html>"
		}
		return 200, `{"data":{"ttl":3600,"renewable":true}}`
	})
	clock := newClock()
	c := newClient(t, vault.Options{Address: address, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Now: clock.Now})
	if f, ok := asFailure(c.Check(t.Context())); !ok || f.Kind != binding.Unreadable {
		t.Errorf("blocked: %v", f)
	}
	blocked = false
	clock.add(time.Hour)
	if err := c.Check(t.Context()); err != nil || c.Ends().IsZero() {
		t.Errorf("%v, ends %s", err, c.Ends())
	}
}

// Only Vault's word about the wrapping token says that somebody used it.
func TestAWrongNamespaceIsNoThief(t *testing.T) {
	for body, used := range map[string]bool{
		`{"errors":["wrapping token is not valid or does not exist"]}`:                        true,
		`{"errors":["no handler for route \"sys/wrapping/lookup\". route entry not found."]}`: false,
		`{"errors":["unsupported operation"]}`:                                                false,
	} {
		address := scripted(t, func(*http.Request) (int, string) {
			return map[bool]int{true: 400, false: 404}[used], body
		})
		o := vault.Options{Address: address, Auth: vault.Auth{AppRole: &vault.AppRole{RoleIDFile: writeFile(t, "r"), SecretIDFile: writeFile(t, "w"), Wrapped: true}}}
		f, ok := asFailure(newClient(t, o).Check(t.Context()))
		if !ok || strings.Contains(message.English(f.Hint), "somebody else did") != used {
			t.Errorf("%s: %v", body, f)
		}
	}
}

// A version that was assumed within this very read is doubted as one that is
// remembered: the token that Vault did not answer was replaced meanwhile.
func TestAnAssumedVersionIsDoubtedAtOnce(t *testing.T) {
	logins := 0
	address := scripted(t, func(r *http.Request) (int, string) {
		token := r.Header.Get("X-Vault-Token")
		switch {
		case strings.HasSuffix(r.URL.Path, "/login"):
			logins++
			return 200, `{"auth":{"client_token":"t` + string(rune('0'+logins)) + `","lease_duration":3600,"renewable":true}}`
		case token == "t1":
			return 403, `{"errors":["permission denied"]}`
		case strings.Contains(r.URL.Path, "/sys/internal/ui/mounts/"):
			return 200, `{"data":{"type":"kv","options":{"version":"1"}}}`
		case r.URL.Path == "/v1/kv/p":
			return 200, `{"data":{"token":"one"}}`
		}
		return 404, `{"errors":[]}`
	})
	o := withAppRole(t, vault.Options{Address: address, Redactor: secrets.NewRedactor(nil)}, "role", "secret")
	if got, _ := readAll(t, newClient(t, o), secrets.Ref{Mount: "kv", Path: "p", Key: "token"}); got != "one" {
		t.Errorf("got %q", got)
	}
}

// A date that cannot be read hides no more than what depends on it.
func TestAnOddDateHidesNothingElse(t *testing.T) {
	for versions, code := range map[string]string{
		`{"1":{"created_time":"","deletion_time":""},"2":{"created_time":"","deletion_time":""}}`:                               "",
		`{"1":{"created_time":"2026","deletion_time":"soon"},"2":{"created_time":"2026-01-01T00:00:00Z","deletion_time":null}}`: "",
		`{"1":{"created_time":1767225600,"deletion_time":0},"2":{"created_time":1767225600}}`:                                   "",
		`{"2":{"created_time":"2026-01-01 00:00:00","deletion_time":""}}`:                                                       "",
		`{"2":{"created_time":"2026-01-01T00:00:00Z","deletion_time":"tomorrow"}}`:                                              vault.CodeUnreadable,
		`{"1":{"created_time":"2026-01-01T00:00:00Z","deletion_time":""}}`:                                                      vault.CodeNotFound,
	} {
		address := scripted(t, func(r *http.Request) (int, string) {
			if strings.Contains(r.URL.Path, "/metadata/") {
				return 200, `{"data":{"current_version":2,"versions":` + versions + `}}`
			}
			return 200, `{"data":{"type":"kv","ttl":0,"options":{"version":"2"}}}`
		})
		c := newClient(t, vault.Options{Address: address, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}})
		meta, err := c.Metadata(t.Context(), secrets.Ref{Mount: "kv", Path: "p", Key: "token"})
		if codeOf(err) != code || code == "" && meta.Version != 2 {
			t.Errorf("%s: %+v, %v", versions, meta, err)
		}
	}
}
