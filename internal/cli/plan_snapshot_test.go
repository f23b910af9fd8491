package cli

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

// snapshotToken is what the played daemon takes.
const snapshotToken = "snapshot-token-canary-7731"

// TestASnapshotIsFetchedFromADaemon: with the token, and with nothing of it or
// of the address's query in what is said.
func TestASnapshotIsFetchedFromADaemon(t *testing.T) {
	var published bytes.Buffer
	if err := report.WritePublished(&published, report.Published{Source: "folder", Instances: []report.PublishedInstance{{
		Name: "prod-hangzhou", Observed: time.Now().Add(-12 * time.Minute),
		Capabilities: report.CapabilitiesObject{Capabilities: binding.Capabilities{ListAccounts: true, Bind: true}},
		Accounts:     map[binding.Platform]report.AccountObject{binding.GitHub: {}},
	}}}); err != nil {
		t.Fatal(err)
	}
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+snapshotToken {
			http.Error(w, r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(published.Bytes())
	}))
	defer daemon.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := write("reconciler.yaml", "apiVersion: reconciler/v1alpha1\nkind: Configuration\nsource: {folder: {path: bindings}}\ninstances:\n  - {name: prod-hangzhou, region: cn-hangzhou}\n")
	write("bindings/web.yaml", "apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: web-github}\nspec: {instance: prod-hangzhou, platform: github, username: octo-dev}\n")
	for _, tt := range []struct {
		name, token string
		code        int
		want        string
	}{
		{"the token", snapshotToken + "\n", 0, "snapshot of what the daemon observed 12 minutes ago, at "},
		{"another token", "another-canary-1", 1, "127.0.0.1:" + daemon.URL[strings.LastIndex(daemon.URL, ":")+1:] + " refuses (401 Unauthorized): check the token"},
		{"two lines", "a-canary-1\nb-canary-2", 1, "the token in " + filepath.Join(dir, "token")},
	} {
		var out, errs bytes.Buffer
		args := []string{"plan", "--config", config, "--snapshot", daemon.URL + "/v1alpha1/snapshot?sign=query-canary", "--snapshot-token-file", write("token", tt.token)}
		code := Main(t.Context(), args, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
		output := out.String() + errs.String()
		if code != tt.code || !strings.Contains(output, tt.want) || strings.Contains(output, "canary") {
			t.Errorf("%s: ended with %d, want %d and %q:\n%s", tt.name, code, tt.code, tt.want, output)
		}
		if tt.code == 0 && !strings.Contains(output, "authorize web-github") {
			t.Errorf("%s: no plan:\n%s", tt.name, output)
		}
	}
}
