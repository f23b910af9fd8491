package vault_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
)

// TestARefusalThatIsNotVaultsIsNoRefusal: whatever status something on the way
// answers with, wherever it stands.
func TestARefusalThatIsNotVaultsIsNoRefusal(t *testing.T) {
	const engine, lifetime = `{"data":{"type":"kv","options":{"version":"2"}}}`, `{"data":{"ttl":0}}`
	for _, status := range []int{400, 401, 403, 405, 406, 410, 413, 421, 431, 451} {
		for _, body := range []string{"<html>no</html>", `{"code":1,"message":"no"}`, `"no"`} {
			for _, at := range []string{"/auth/", "/sys/internal/", "/kv/"} {
				if at == "/auth/" && (status == 403 || !strings.HasPrefix(body, "<")) {
					continue // A token may be refused its own description; the api package reads its JSON.
				}
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch {
					case strings.Contains(r.URL.Path, at):
						w.WriteHeader(status)
						_, _ = io.WriteString(w, body)
					case strings.Contains(r.URL.Path, "/auth/"):
						_, _ = io.WriteString(w, lifetime)
					default:
						_, _ = io.WriteString(w, engine)
					}
				}))
				c := newClient(t, vault.Options{Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil)})
				ref := secrets.Ref{Mount: "kv", Path: "p", Key: "token"}
				_, meta := c.Metadata(t.Context(), ref)
				_, _, read := c.Read(t.Context(), ref)
				for asked, err := range map[string]error{"metadata": meta, "read": read} {
					if f, ok := asFailure(err); !ok || f.Kind != binding.Unreadable || !strings.Contains(message.English(f.Hint), "proxy") {
						t.Errorf("%d with %s at %s: %s: %v", status, body, at, asked, err)
					}
				}
				server.Close()
			}
		}
	}
}

// TestWhatVaultItselfRefusesStaysRefused, with the statuses that it uses itself.
func TestWhatVaultItselfRefusesStaysRefused(t *testing.T) {
	for status, kind := range map[int]binding.FailureKind{
		400: binding.Refused, 403: binding.Forbidden, 405: binding.Refused, 412: binding.Transient, 413: binding.Refused, 429: binding.Throttled, 472: binding.Transient, 503: binding.Transient,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "/kv/data"), strings.Contains(r.URL.Path, "/kv/metadata"):
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"errors":["1 error occurred:\n\t* %d\n\n"]}`, status)
			case strings.Contains(r.URL.Path, "/auth/"):
				_, _ = io.WriteString(w, `{"data":{"ttl":0}}`)
			default:
				_, _ = io.WriteString(w, `{"data":{"type":"kv","options":{"version":"2"}}}`)
			}
		}))
		c := newClient(t, vault.Options{Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil)})
		_, _, err := c.Read(t.Context(), secrets.Ref{Mount: "kv", Path: "p", Key: "token"})
		if f, ok := asFailure(err); !ok || f.Kind != kind {
			t.Errorf("%d: %v", status, err)
		}
		server.Close()
	}
}
