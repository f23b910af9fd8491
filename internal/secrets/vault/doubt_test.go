package vault_test

import (
	"fmt"
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

// What is remembered of an engine is doubted by the failure that it causes.
func TestAnEnginesVersionIsDoubtedWhenAReadFails(t *testing.T) {
	for name, refuse := range map[string]struct {
		status int
		body   string
	}{
		"a 404 with a warning":          {404, `{"errors":[],"warnings":["Invalid path for a versioned K/V secrets engine"]}`},
		"a 404 without a word":          {404, `{"errors":[]}`},
		"a 403, permission denied only": {403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`},
		"a 403, bad token":              {403, `{"errors":["bad token"]}`},
		"a 400":                         {400, `{"errors":["unsupported path"]}`},
	} {
		version := 2
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "lookup-self"):
				_, _ = io.WriteString(w, `{"data":{"ttl":0,"renewable":false}}`)
			case strings.Contains(r.URL.Path, "/sys/internal/ui/mounts/"):
				_, _ = fmt.Fprintf(w, `{"data":{"type":"kv","options":{"version":"%d"}}}`, version)
			case version == 2 && r.URL.Path == "/v1/kv/data/p":
				_, _ = io.WriteString(w, `{"data":{"data":{"token":"two"},"metadata":{"version":1,"created_time":"2026-01-01T00:00:00Z"}}}`)
			case version == 2 && r.URL.Path == "/v1/kv/metadata/p":
				_, _ = io.WriteString(w, `{"data":{"current_version":1,"versions":{"1":{"created_time":"2026-01-01T00:00:00Z"}}}}`)
			case version == 1 && r.URL.Path == "/v1/kv/p":
				_, _ = io.WriteString(w, `{"data":{"token":"one"}}`)
			default:
				w.WriteHeader(refuse.status)
				_, _ = io.WriteString(w, refuse.body)
			}
		}))
		c := newClient(t, vault.Options{Address: server.URL, Auth: vault.Auth{TokenFile: writeFile(t, rootToken)}, Redactor: secrets.NewRedactor(nil)})
		for _, step := range []struct {
			version int
			want    string
		}{{2, "two"}, {1, "one"}, {2, "two"}} {
			version = step.version
			if got, _ := readAll(t, c, secrets.Ref{Mount: "kv", Path: "p", Key: "token"}); got != step.want {
				t.Errorf("%s: version %d: got %q", name, step.version, got)
			}
		}
		server.Close()
	}
}

// A status alone condemns no credential: somebody else may have answered.
func TestALoginThatIsNotVaultsNoCondemnsNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   binding.FailureKind
	}{
		"a proxy's 404":       {404, "<html>not found</html>", binding.Transient},
		"a proxy's 407":       {407, "<html>sign in</html>", binding.Transient},
		"a proxy's 400":       {400, "Bad Request", binding.Unreadable},
		"no such method":      {404, `{"errors":["no handler for route \"auth/approle/login\". route entry not found."]}`, binding.Refused},
		"an upgrade":          {400, `{"errors":["Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly."]}`, binding.Transient},
		"a wrong secret id":   {400, `{"errors":["invalid role or secret ID"]}`, binding.Forbidden},
		"a policy's no (403)": {403, `{"errors":["permission denied"]}`, binding.Forbidden},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		o := withAppRole(t, vault.Options{Address: server.URL, Redactor: secrets.NewRedactor(nil)}, "role", "secret")
		if f, ok := asFailure(newClient(t, o).Check(t.Context())); !ok || f.Kind != tt.kind {
			t.Errorf("%s: %v", name, f)
		}
		server.Close()
	}
}

// A refused credential is sent too rarely to lock a good one out, and another
// one at once.
func TestARefusedCredentialIsSentRarely(t *testing.T) {
	clock, sent := newClock(), 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent++
		if body, _ := io.ReadAll(r.Body); strings.Contains(string(body), "good") {
			_, _ = io.WriteString(w, `{"auth":{"client_token":"t","lease_duration":3600}}`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":["invalid role or secret ID"]}`)
	}))
	defer server.Close()
	o := withAppRole(t, vault.Options{Address: server.URL, Redactor: secrets.NewRedactor(nil), Now: clock.Now}, "role", "bad")
	c := newClient(t, o)
	for range 900 {
		_ = c.Check(t.Context())
		clock.add(time.Second)
	}
	if sent > 4 {
		t.Errorf("sent %d times in a quarter of an hour", sent)
	}
	overwrite(t, o.Auth.AppRole.SecretIDFile, "good")
	if err := c.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// Several processes that have the same bad secret id do not lock the role out
// together: Vault locks it for a quarter of an hour after five refusals in one.
func TestSeveralProcessesDoNotLockARoleOut(t *testing.T) {
	for _, processes := range []int{2, 3, 4} {
		clock := newClock()
		var refusals []time.Time
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			refusals = append(refusals, clock.Now())
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"errors":["invalid role or secret ID"]}`)
		}))
		var clients []*vault.Client
		for range processes {
			o := withAppRole(t, vault.Options{Address: server.URL, Redactor: secrets.NewRedactor(nil), Now: clock.Now}, "role", "bad")
			clients = append(clients, newClient(t, o))
		}
		for range 24 * 60 {
			for _, c := range clients {
				_ = c.Check(t.Context())
			}
			clock.add(time.Minute)
		}
		server.Close()
		for n := 4; n < len(refusals); n++ {
			if in := refusals[n].Sub(refusals[n-4]); in < 15*time.Minute {
				t.Fatalf("%d processes: five refusals in %s", processes, in)
			}
		}
		if few := len(refusals); few < 10*processes || few > 20*processes {
			t.Errorf("%d processes: sent %d times in a day", processes, few)
		}
	}
}

func TestAPathOfTheAPIIsNamed(t *testing.T) {
	w := newFakeVault(t, nil)
	m := w.mount(t, 2)
	w.put(t, m, "p", map[string]string{"token": canary})
	c := newClient(t, w.options(t, w.root()))
	for _, path := range []string{"data/p", "data/team/p"} {
		_, _, err := c.Read(t.Context(), secrets.Ref{Mount: m, Path: path, Key: "token"})
		if f, ok := asFailure(err); !ok || !strings.Contains(message.English(f.Hint), "write path: "+strings.TrimPrefix(path, "data/")) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
