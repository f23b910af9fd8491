package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// vaultAnswer is what a call gives: a status, and data or errors.
type vaultAnswer struct {
	status int
	errors []string
	data   any
	auth   any
}

// vaultErrors is an answer that says no.
func vaultErrors(status int, errors ...string) vaultAnswer {
	return vaultAnswer{status: status, errors: append([]string{}, errors...)}
}

// serve answers one request.
func (v *Vault) serve(w http.ResponseWriter, r *http.Request) {
	var body map[string]any
	if r.Body != nil && r.Method != http.MethodGet {
		_ = json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body)
	}
	v.mu.Lock()
	path := strings.TrimPrefix(r.URL.Path, "/v1/")
	v.requests++
	id := v.requests
	v.calls = append(v.calls, VaultCall{r.Method, r.URL.Path, r.Header.Get("X-Vault-Namespace")})
	a := v.answer(r, path, body)
	w.Header().Set("Date", v.now().UTC().Format(http.TimeFormat))
	v.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(a.status)
	var out any = map[string]any{"errors": a.errors}
	switch {
	case path == "sys/health":
		out = a.data
	case a.errors == nil:
		out = map[string]any{
			"request_id": fmt.Sprintf("00000000-0000-4000-8000-%012d", id),
			"lease_id":   "", "renewable": false, "lease_duration": 0,
			"data": a.data, "wrap_info": nil, "warnings": nil, "auth": a.auth,
		}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// answer routes a request. The caller holds the lock.
func (v *Vault) answer(r *http.Request, path string, body map[string]any) vaultAnswer {
	if path == "sys/health" {
		return v.health(r.URL.Query().Get("sealedcode"))
	}
	if v.sealed {
		return vaultErrors(http.StatusServiceUnavailable, "Vault is sealed")
	}
	if strings.HasPrefix(path, "auth/") && strings.HasSuffix(path, "/login") {
		return v.login(strings.TrimSuffix(strings.TrimPrefix(path, "auth/"), "/login"), body)
	}
	if strings.HasPrefix(path, "sys/wrapping/") {
		return v.wrapping(r, strings.TrimPrefix(path, "sys/wrapping/"), body)
	}
	token := v.valid(r.Header.Get("X-Vault-Token"))
	if token == nil {
		return vaultErrors(http.StatusForbidden, "permission denied", "invalid token")
	}
	if len(token.Paths) > 0 && strings.HasPrefix(path, "auth/token/") {
		return v.tokenCall(token, strings.TrimPrefix(path, "auth/token/"), r.Header.Get("X-Vault-Token"))
	}
	if rest, ok := strings.CutPrefix(path, "sys/internal/ui/mounts/"); ok {
		return v.mountOf(token, rest)
	}
	if !token.allows(path) {
		return vaultErrors(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
	}
	if r.Method != http.MethodGet {
		return vaultErrors(http.StatusMethodNotAllowed, "1 error occurred:\n\t* unsupported operation\n\n")
	}
	return v.read(path, r.URL.Query().Get("version"))
}

// health answers sys/health, which needs no token; the caller may say with
// which status a sealed server answers.
func (v *Vault) health(sealedCode string) vaultAnswer {
	status := http.StatusOK
	if v.sealed {
		status = http.StatusServiceUnavailable
		if code, err := strconv.Atoi(sealedCode); err == nil && code >= 200 && code < 600 {
			status = code
		}
	}
	return vaultAnswer{status: status, data: map[string]any{
		"initialized": true, "sealed": v.sealed, "standby": false, "version": "1.21.0",
		"server_time_utc": v.now().Unix(),
	}}
}

// find splits a path into its mount and the rest.
func (v *Vault) find(path string) (name string, m *vaultMount, rest string) {
	for candidate, mounted := range v.mounts {
		if after, ok := strings.CutPrefix(path+"/", candidate+"/"); ok && len(candidate) > len(name) {
			name, m, rest = candidate, mounted, strings.TrimSuffix(after, "/")
		}
	}
	return name, m, rest
}

// mountOf answers sys/internal/ui/mounts: the engine that serves a path, for a
// token that may do anything there.
func (v *Vault) mountOf(token *vaultToken, path string) vaultAnswer {
	name, m, _ := v.find(path)
	if m == nil || !token.mayRead(name+"/") {
		return vaultErrors(http.StatusForbidden, fmt.Sprintf(
			"preflight capability check returned 403, please ensure client's policies grant access to path %q", path+"/"))
	}
	return vaultAnswer{status: http.StatusOK, data: map[string]any{
		"path": name + "/", "type": "kv", "options": map[string]string{"version": strconv.Itoa(m.version)},
	}}
}

// read answers a GET below a secrets engine.
func (v *Vault) read(path, version string) vaultAnswer {
	_, m, rest := v.find(path)
	if m == nil {
		return vaultErrors(http.StatusNotFound, fmt.Sprintf("no handler for route %q. route entry not found.", path))
	}
	if m.version == 1 {
		if s := m.secrets[rest]; s != nil {
			return vaultAnswer{status: http.StatusOK, data: s.versions[0].data}
		}
		return vaultErrors(http.StatusNotFound)
	}
	kind, name, _ := strings.Cut(rest, "/")
	s := m.secrets[name]
	switch {
	case kind != "data" && kind != "metadata":
		return vaultErrors(http.StatusNotFound)
	case s == nil:
		return vaultErrors(http.StatusNotFound)
	case kind == "metadata":
		return vaultAnswer{status: http.StatusOK, data: s.metadata()}
	}
	return s.read(version)
}

// read answers a read of one version; the newest for "" and "0".
func (s *vaultSecret) read(version string) vaultAnswer {
	n, err := strconv.Atoi("0" + version)
	if err != nil {
		return vaultErrors(http.StatusBadRequest, "invalid version")
	}
	if n == 0 {
		n = len(s.versions)
	}
	if n < 1 || n > len(s.versions) {
		return vaultErrors(http.StatusNotFound)
	}
	found := s.versions[n-1]
	meta := found.metadata()
	meta["version"], meta["custom_metadata"] = n, s.custom
	if found.destroyed || !found.deleted.IsZero() {
		return vaultAnswer{status: http.StatusNotFound, data: map[string]any{"data": nil, "metadata": meta}}
	}
	return vaultAnswer{status: http.StatusOK, data: map[string]any{"data": found.data, "metadata": meta}}
}

// metadata is the secret's as Vault gives it.
func (s *vaultSecret) metadata() map[string]any {
	versions := map[string]any{}
	for i := range s.versions {
		versions[strconv.Itoa(i+1)] = s.versions[i].metadata()
	}
	return map[string]any{
		"cas_required": false, "delete_version_after": "0s", "max_versions": 0, "oldest_version": 0,
		"created_time": vaultTime(s.created), "updated_time": vaultTime(s.updated),
		"current_version": len(s.versions), "custom_metadata": s.custom, "versions": versions,
	}
}

// metadata is one version's.
func (version vaultVersion) metadata() map[string]any {
	return map[string]any{
		"created_time":  vaultTime(version.created),
		"deletion_time": vaultTime(version.deleted),
		"destroyed":     version.destroyed,
	}
}

// vaultTime is a time as Vault writes it; nothing for the zero time.
func vaultTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
