package vault_test

import (
	"context"
	"encoding/pem"
	"io"
	"net"
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

// TestARedirectToTheSameHostIsFollowed, however its port and name are written, and
// never to another.
func TestARedirectToTheSameHostIsFollowed(t *testing.T) {
	for name, tt := range map[string]struct {
		address, location string
		followed          bool
	}{
		"the default port written out":           {"https://example.com", "https://example.com:443", true},
		"the default port written in the config": {"https://example.com:443", "https://example.com", true},
		"the host in upper case":                 {"https://example.com", "https://EXAMPLE.COM:443", true},
		"a path alone":                           {"https://example.com", "", true},
		"another port":                           {"https://example.com", "https://example.com:8200", false},
		"another host with the port":             {"https://example.com", "https://www.example.com:443", false},
		"no TLS":                                 {"https://example.com", "http://example.com", false},
		"no TLS, at the TLS port":                {"https://example.com", "http://example.com:443", false},
		"a user in it":                           {"https://example.com", "https://example.com@evil.example.org", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/kv/data/p"):
					w.Header().Set("Location", tt.location+"/v1/moved")
					w.WriteHeader(http.StatusTemporaryRedirect)
				case strings.HasSuffix(r.URL.Path, "/moved"):
					_, _ = io.WriteString(w, `{"data":{"data":{"token":"x"},"metadata":{"version":1,"created_time":"2026-01-01T00:00:00Z"}}}`)
				default:
					_, _ = io.WriteString(w, `{"data":{"type":"kv","ttl":0,"options":{"version":"2"}}}`)
				}
			}))
			server.StartTLS()
			defer server.Close()
			o := vault.Options{
				Address: tt.address, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil),
				CAFile: writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))),
				DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
				},
			}
			_, _, err := newClient(t, o).Read(t.Context(), secrets.Ref{Mount: "kv", Path: "p", Key: "token"})
			if (err == nil) != tt.followed {
				t.Errorf("followed %t: %v", err == nil, err)
			}
		})
	}
}

// TestPartsOfTheAPIsPathAreNamed where they are taken for parts of the mount or of
// the path, whatever Vault makes of them.
func TestPartsOfTheAPIsPathAreNamed(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		body   string
	}{
		"nothing there":         {404, `{"errors":[]}`},
		"a policy's no":         {403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`},
		"no such route":         {404, `{"errors":["no handler for route \"x\". route entry not found."]}`},
		"an engine's complaint": {400, `{"errors":["unsupported path"]}`},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "/sys/") || strings.Contains(r.URL.Path, "/auth/") {
				_, _ = io.WriteString(w, `{"data":{"type":"kv","ttl":0,"options":{"version":"2"}}}`)
				return
			}
			w.WriteHeader(answer.status)
			_, _ = io.WriteString(w, answer.body)
		}))
		c := newClient(t, vault.Options{Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil)})
		for _, tt := range []struct{ mount, path, want string }{
			{"secret", "data/team/p", "write path: team/p"},
			{"secret", "metadata/team/p", "write path: team/p"},
			{"secret/data", "p", "write mount: secret"},
			{"secret/metadata", "p", "write mount: secret"},
			{"v1/secret", "p", "write mount: secret"},
			{"v1/secret/data", "p", "write mount: secret"},
			{"secret", "team/data/p", ""},
			{"data", "p", ""},
		} {
			ref := secrets.Ref{Mount: tt.mount, Path: tt.path, Key: "token"}
			_, meta := c.Metadata(t.Context(), ref)
			_, _, read := c.Read(t.Context(), ref)
			for asked, err := range map[string]error{"metadata": meta, "read": read} {
				f, ok := asFailure(err)
				if !ok || !strings.Contains(message.English(f.Hint), tt.want) || tt.want == "" && strings.Contains(message.English(f.Hint), "write ") && !strings.Contains(message.English(f.Hint), "or write it") {
					t.Errorf("%s: %s of %s/%s: %v", name, asked, tt.mount, tt.path, err)
				}
			}
		}
		server.Close()
	}
}

// TestARefusedLoginIsNoWrongPath: nothing is said of a path that was not asked for.
func TestARefusedLoginIsNoWrongPath(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":["invalid role or secret ID"]}`)
	}))
	defer server.Close()
	c := newClient(t, withAppRole(t, vault.Options{Address: server.URL, Redactor: secrets.NewRedactor(nil)}, "role", "secret"))
	_, err := c.Metadata(t.Context(), secrets.Ref{Mount: "secret/data", Path: "data/p", Key: "token"})
	if f, ok := asFailure(err); !ok || strings.Contains(message.English(f.Hint), "write ") || !strings.Contains(message.English(f.Hint), "login") {
		t.Errorf("%v", err)
	}
}

// TestAnEngineInUpgradeIsAskedAgain, whichever call meets it.
func TestAnEngineInUpgradeIsAskedAgain(t *testing.T) {
	const upgrading = `{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}`
	for _, part := range []string{"/data/", "/metadata/", "/sys/internal/"} {
		over := false
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, part) && !over:
				w.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(w, upgrading)
			case strings.Contains(r.URL.Path, "/data/"):
				_, _ = io.WriteString(w, `{"data":{"data":{"token":"x"},"metadata":{"version":1,"created_time":"2026-01-01T00:00:00Z"}}}`)
			case strings.Contains(r.URL.Path, "/metadata/"):
				_, _ = io.WriteString(w, `{"data":{"current_version":1,"versions":{"1":{"created_time":"2026-01-01T00:00:00Z"}}}}`)
			default:
				_, _ = io.WriteString(w, `{"data":{"type":"kv","ttl":0,"options":{"version":"2"}}}`)
			}
		}))
		c := newClient(t, vault.Options{Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil)})
		ref := secrets.Ref{Mount: "kv", Path: "p", Key: "token"}
		_, err := c.Metadata(t.Context(), ref)
		if part == "/data/" {
			_, _, err = c.Read(t.Context(), ref)
		}
		if f, ok := asFailure(err); !ok || f.Kind != binding.Transient {
			t.Errorf("%s: %v", part, err)
		}
		over = true
		readAll(t, c, ref)
		server.Close()
	}
}

// TestAnotherEnginesAnswerIsNoAbsence: a remount, a wrong namespace and a proxy are
// not the secret's end.
func TestAnotherEnginesAnswerIsNoAbsence(t *testing.T) {
	for name, tt := range map[string]struct {
		mounts, answer string
		status         int
		kind           binding.FailureKind
		hint           string
	}{
		"another engine at the mount":      {`{"data":{"type":"pki","options":null}}`, `{"errors":[]}`, 404, binding.Refused, "not kv"},
		"a wrong namespace, no such route": {`{"errors":["permission denied"]}`, `{"errors":["no handler for route \"kv/data/p\". route entry not found."]}`, 404, binding.NotFound, "namespace"},
		"a wrong namespace, 403":           {`{"errors":["preflight capability check returned 403, please ensure client's policies grant access to path \"kv/\""]}`, `{"errors":["permission denied"]}`, 403, binding.Forbidden, "namespace"},
		"a wrong namespace, 400":           {`{"errors":["no namespace"]}`, `{"errors":["no handler for route \"kv/data/p\""]}`, 400, binding.Refused, "namespace"},
		"a proxy's JSON 404":               {`{"data":{"type":"kv","options":{"version":"2"}}}`, `{"code":404,"message":"Not Found"}`, 404, binding.Unreadable, "proxy"},
		"a proxy's 404 page":               {`{"data":{"type":"kv","options":{"version":"2"}}}`, `<html>not found</html>`, 404, binding.Unreadable, "proxy"},
		"a proxy's 407":                    {`{"data":{"type":"kv","options":{"version":"2"}}}`, `<html>sign in</html>`, 407, binding.Transient, "proxy"},
		"a proxy's 403 page":               {`{"data":{"type":"kv","options":{"version":"2"}}}`, `<html>blocked</html>`, 403, binding.Unreadable, "proxy"},
		"an empty 404":                     {`{"data":{"type":"kv","options":{"version":"2"}}}`, ``, 404, binding.Unreadable, "proxy"},
		"a load balancer's 503 page":       {`{"data":{"type":"kv","options":{"version":"2"}}}`, `<html>no backend</html>`, 503, binding.Transient, ""},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/auth/"):
				_, _ = io.WriteString(w, `{"data":{"ttl":0}}`)
			case strings.Contains(r.URL.Path, "/sys/internal/"):
				if strings.Contains(tt.mounts, "errors") {
					w.WriteHeader(http.StatusForbidden)
				}
				_, _ = io.WriteString(w, tt.mounts)
			default:
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.answer)
			}
		}))
		c := newClient(t, vault.Options{Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil)})
		ref := secrets.Ref{Mount: "kv", Path: "p", Key: "token"}
		_, meta := c.Metadata(t.Context(), ref)
		_, _, read := c.Read(t.Context(), ref)
		for asked, err := range map[string]error{"metadata": meta, "read": read} {
			if f, ok := asFailure(err); !ok || f.Kind != tt.kind || !strings.Contains(message.English(f.Hint), tt.hint) {
				t.Errorf("%s: %s: %+v", name, asked, f)
			}
		}
		server.Close()
	}
}

// TestEveryWayToSignInDoubtsAnAnswerThatIsNotVaults: nothing is condemned, and the
// next try comes soon.
func TestEveryWayToSignInDoubtsAnAnswerThatIsNotVaults(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
	}{
		"a page with 200": {200, "<html>welcome</html>"},
		"a page with 401": {401, "<html>sign in</html>"},
		"a page with 403": {403, "<html>blocked</html>"},
		"a 404 page":      {404, "<html>not found</html>"},
		"a 407":           {407, ""},
		"another's JSON":  {400, `{"message":"bad request"}`},
		"JSON with 200":   {200, `{"ok":true}`},
	} {
		for way, auth := range map[string]func(vault.Options) vault.Options{
			"approle": func(o vault.Options) vault.Options { return withAppRole(t, o, "role", "secret") },
			"jwt": func(o vault.Options) vault.Options {
				o.Auth = vault.Auth{JWT: &vault.JWT{Role: "r", TokenFile: writeFile(t, "a.b.c")}}
				return o
			},
			"kubernetes": func(o vault.Options) vault.Options {
				o.Auth = vault.Auth{Kubernetes: &vault.JWT{Role: "r", TokenFile: writeFile(t, "a.b.c")}}
				return o
			},
		} {
			clock, well := newClock(), false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if well {
					_, _ = io.WriteString(w, `{"auth":{"client_token":"t","lease_duration":3600}}`)
					return
				}
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			}))
			c := newClient(t, auth(vault.Options{Address: server.URL, Redactor: secrets.NewRedactor(nil), Now: clock.Now}))
			if f, ok := asFailure(c.Check(t.Context())); !ok || f.Kind == binding.Forbidden || f.Kind == binding.NotFound {
				t.Errorf("%s, %s: %+v", way, name, f)
			}
			well = true
			clock.add(2 * time.Minute)
			if err := c.Check(t.Context()); err != nil {
				t.Errorf("%s, %s: two minutes later: %v", way, name, err)
			}
			server.Close()
		}
	}
}
