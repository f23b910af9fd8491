package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// askVault sends one request to the stand-in and reads the answer.
func askVault(t *testing.T, v *Vault, method, path, token, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/v1/"+path, strings.NewReader(body))
	r.Header.Set("X-Vault-Token", token)
	w := httptest.NewRecorder()
	v.Handler().ServeHTTP(w, r)
	raw, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%s: %v in %s", path, err, raw)
	}
	return w.Code, answer
}

func TestVaultAnswersInTheShapesOfVault(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := NewVault("root", func() time.Time { return now })
	v.Mount("old", 1)
	v.Mount("team/kv", 2)
	v.Put("old", "a/b", map[string]string{"k": "v1"})
	v.Put("team/kv", "p", map[string]string{"k": "one"})
	v.PutCustom("team/kv", "p", map[string]string{"expires": "2027-01-31"})
	v.Put("team/kv", "p", map[string]string{"k": "two"})
	v.Delete("team/kv", "p", 1)
	const stamp = "2026-11-22T12:00:00Z"
	custom := map[string]any{"expires": "2027-01-31"}
	cases := map[string]struct {
		path   string
		status int
		want   any
	}{
		"version 1 data": {"old/a/b", 200, map[string]any{"k": "v1"}},
		"newest": {"team/kv/data/p", 200, map[string]any{"data": map[string]any{"k": "two"}, "metadata": map[string]any{
			"created_time": stamp, "deletion_time": "", "destroyed": false, "version": 2.0, "custom_metadata": custom,
		}}},
		"deleted": {"team/kv/data/p?version=1", 404, map[string]any{"data": nil, "metadata": map[string]any{
			"created_time": stamp, "deletion_time": stamp, "destroyed": false, "version": 1.0, "custom_metadata": custom,
		}}},
		"metadata": {"team/kv/metadata/p", 200, map[string]any{
			"cas_required": false, "delete_version_after": "0s", "max_versions": 0.0, "oldest_version": 0.0,
			"created_time": stamp, "updated_time": stamp, "current_version": 2.0, "custom_metadata": custom,
			"versions": map[string]any{
				"1": map[string]any{"created_time": stamp, "deletion_time": stamp, "destroyed": false},
				"2": map[string]any{"created_time": stamp, "deletion_time": "", "destroyed": false},
			},
		}},
		"engine":     {"sys/internal/ui/mounts/team/kv/p", 200, map[string]any{"path": "team/kv/", "type": "kv", "options": map[string]any{"version": "2"}}},
		"absent":     {"team/kv/data/q", 404, nil},
		"no version": {"team/kv/data/p?version=9", 404, nil},
		"bad number": {"team/kv/data/p?version=x", 400, nil},
		"no engine":  {"nowhere/data/p", 404, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			status, answer := askVault(t, v, http.MethodGet, tc.path, "root", "")
			if status != tc.status {
				t.Errorf("got status %d, want %d", status, tc.status)
			}
			if diff := cmp.Diff(tc.want, answer["data"]); diff != "" {
				t.Errorf("data:\n%s", diff)
			}
			if _, said := answer["errors"]; said != (tc.want == nil) {
				t.Errorf("got %v", answer)
			}
		})
	}
	v.Destroy("team/kv", "p")
	v.Undelete("team/kv", "p", 1)
	if status, _ := askVault(t, v, http.MethodGet, "team/kv/data/p", "root", ""); status != 404 {
		t.Errorf("got %d for a destroyed version", status)
	}
	if status, _ := askVault(t, v, http.MethodGet, "team/kv/data/p?version=1", "root", ""); status != 200 {
		t.Errorf("got %d for an undeleted version", status)
	}
	v.Remove("team/kv", "p")
	if status, _ := askVault(t, v, http.MethodGet, "team/kv/metadata/p", "root", ""); status != 404 {
		t.Errorf("got %d for a removed secret", status)
	}
}

func TestVaultTokensHaveALife(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := NewVault("root", func() time.Time { return now })
	v.Put("secret", "a", map[string]string{"k": "v"})
	v.SetRole(VaultRole{
		Mount: "approle", Credentials: map[string]string{"role_id": "r", "secret_id": "s"}, Uses: 1,
		Token: VaultToken{Paths: []string{"secret/metadata/"}, TTL: time.Minute, MaxTTL: 90 * time.Second, Renewable: true},
	})
	if status, _ := askVault(t, v, http.MethodPut, "auth/approle/login", "", `{"role_id":"r","secret_id":"wrong"}`); status != 400 {
		t.Errorf("got %d for a wrong secret id", status)
	}
	status, answer := askVault(t, v, http.MethodPut, "auth/approle/login", "", `{"role_id":"r","secret_id":"s"}`)
	auth, _ := answer["auth"].(map[string]any)
	token, _ := auth["client_token"].(string)
	if status != 200 || token == "" || auth["lease_duration"] != 60.0 || auth["renewable"] != true {
		t.Fatalf("got %d, %v", status, answer)
	}
	if status, _ := askVault(t, v, http.MethodPut, "auth/approle/login", "", `{"role_id":"r","secret_id":"s"}`); status != 400 {
		t.Errorf("got %d for a secret id that is used up", status)
	}
	get := func(path string) int {
		status, _ := askVault(t, v, http.MethodGet, path, token, "")
		return status
	}
	if a, b := get("secret/metadata/a"), get("secret/data/a"); a != 200 || b != 403 {
		t.Errorf("got %d for what is allowed and %d for what is not", a, b)
	}
	now = now.Add(45 * time.Second)
	_, answer = askVault(t, v, http.MethodPut, "auth/token/renew-self", token, "{}")
	if auth, _ := answer["auth"].(map[string]any); auth["lease_duration"] != 45.0 {
		t.Errorf("a renewal goes beyond the maximum: %v", answer)
	}
	_, answer = askVault(t, v, http.MethodGet, "auth/token/lookup-self", token, "")
	if data, _ := answer["data"].(map[string]any); data["ttl"] != 45.0 || data["creation_ttl"] != 60.0 {
		t.Errorf("got %v", answer)
	}
	now = now.Add(45 * time.Second)
	if got := get("secret/metadata/a"); got != 403 {
		t.Errorf("got %d after the token's end", got)
	}
}

func TestVaultSealsAndWraps(t *testing.T) {
	v := NewVault("root", nil)
	wrapping := v.Wrap("auth/approle/role/ci/secret-id", map[string]any{"secret_id": "s"})
	unwrap := func() int {
		status, _ := askVault(t, v, http.MethodPut, "sys/wrapping/unwrap", wrapping, "")
		return status
	}
	if first, second := unwrap(), unwrap(); first != 200 || second != 400 {
		t.Errorf("got %d and %d, want one unwrapping", first, second)
	}
	v.Seal(true)
	for path, want := range map[string]int{"secret/data/a": 503, "sys/health": 503} {
		if got, _ := askVault(t, v, http.MethodGet, path, "root", ""); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	v.Seal(false)
	if got, _ := askVault(t, v, http.MethodGet, "sys/health", "", ""); got != 200 {
		t.Errorf("got %d", got)
	}
	if v.Count("/unwrap") != 2 {
		t.Errorf("got %d calls", v.Count("/unwrap"))
	}
}
