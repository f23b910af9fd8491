package sandbox

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"strings"
	"time"
)

// VaultToken says what a token may do and how long it lives.
type VaultToken struct {
	// Paths are the prefixes of the paths that may be read; "" is all.
	Paths []string
	// TTL is its lifetime, also after a renewal; 0 means no end. MaxTTL is
	// where renewals end; 0 means never.
	TTL, MaxTTL time.Duration
	Renewable   bool
	// Batch tokens cannot be renewed whatever Renewable says.
	Batch bool
}

// VaultRole is a way to log in: whoever sends all of Credentials to the mount
// gets a token.
type VaultRole struct {
	// Mount of the auth method, for example "approle".
	Mount string
	// Credentials are the fields of the login call, for example role_id and
	// secret_id, or role and jwt.
	Credentials map[string]string
	Token       VaultToken
	// Uses is how many logins are left; 0 is without end, below 0 none.
	Uses int
}

// vaultToken is a token that was handed out.
type vaultToken struct {
	VaultToken
	created, expires time.Time
}

// vaultWrapped is a response that waits to be unwrapped.
type vaultWrapped struct {
	path string
	data map[string]any
}

// AddToken makes a token known, created now.
func (v *Vault) AddToken(token string, t VaultToken) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.add(token, t)
}

// Revoke ends a token.
func (v *Vault) Revoke(token string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.tokens, token)
}

// RevokeAll revokes every token except those without an end.
func (v *Vault) RevokeAll() {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.tokens, func(_ string, t *vaultToken) bool { return t.TTL > 0 })
}

// SetRole adds a way to log in, or replaces the one with the same mount and
// credentials; tokens handed out before stay as they are.
func (v *Vault) SetRole(role VaultRole) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, old := range v.roles {
		if old.Mount == role.Mount && maps.Equal(old.Credentials, role.Credentials) {
			v.roles[i] = role
			return
		}
	}
	v.roles = append(v.roles, role)
}

// RemoveRoles takes away every way to log in at a mount.
func (v *Vault) RemoveRoles(mount string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	kept := v.roles[:0]
	for _, r := range v.roles {
		if r.Mount != mount {
			kept = append(kept, r)
		}
	}
	v.roles = kept
}

// Wrap keeps a response for one unwrapping and returns its wrapping token.
// path is where the response came from, for example
// "auth/approle/role/ci/secret-id".
func (v *Vault) Wrap(path string, data map[string]any) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.requests++
	token := fmt.Sprintf("hvs.sandboxwrapping%08d", v.requests)
	v.wrapped[token] = vaultWrapped{path, data}
	return token
}

// add makes a token known. The caller holds the lock.
func (v *Vault) add(token string, t VaultToken) *vaultToken {
	if t.Batch {
		t.Renewable = false
	}
	added := &vaultToken{VaultToken: t, created: v.now()}
	if t.TTL > 0 {
		added.expires = added.created.Add(t.TTL)
	}
	v.tokens[token] = added
	return added
}

// valid is the token's state, or nil for one that is unknown or has ended.
func (v *Vault) valid(token string) *vaultToken {
	t := v.tokens[token]
	if t == nil || (!t.expires.IsZero() && !v.now().Before(t.expires)) {
		return nil
	}
	return t
}

// allows says whether a path may be read.
func (t *vaultToken) allows(path string) bool {
	for _, p := range t.Paths {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

// mayRead says whether anything at or below a mount may be read.
func (t *vaultToken) mayRead(mount string) bool {
	for _, p := range t.Paths {
		if strings.HasPrefix(p, mount) || strings.HasPrefix(mount, p) {
			return true
		}
	}
	return false
}

// ttl is the seconds left, rounded up as Vault does; 0 means no end.
func (t *vaultToken) ttl(now time.Time) int {
	if t.expires.IsZero() {
		return 0
	}
	return int(math.Ceil(t.expires.Sub(now).Seconds()))
}

// kind is the token's type as Vault names it.
func (t *vaultToken) kind() string {
	if t.Batch {
		return "batch"
	}
	return "service"
}

// login answers auth/MOUNT/login.
func (v *Vault) login(mount string, body map[string]any) vaultAnswer {
	for i := range v.roles {
		role := &v.roles[i]
		if role.Mount != mount || !role.matches(body) || role.Uses < 0 {
			continue
		}
		if role.Uses > 0 {
			if role.Uses--; role.Uses == 0 {
				role.Uses = -1
			}
		}
		v.requests++
		token := fmt.Sprintf("hvs.sandboxlogin%08d", v.requests)
		return v.auth(token, v.add(token, role.Token))
	}
	return vaultErrors(http.StatusBadRequest, "invalid role or secret ID")
}

// matches says whether the login call holds the role's credentials.
func (r *VaultRole) matches(body map[string]any) bool {
	for k, want := range r.Credentials {
		if got, ok := body[k].(string); !ok || got != want {
			return false
		}
	}
	return true
}

// auth is the answer that hands out or renews a token.
func (v *Vault) auth(token string, t *vaultToken) vaultAnswer {
	return vaultAnswer{status: http.StatusOK, auth: map[string]any{
		"client_token": token, "accessor": "", "policies": []string{"default"}, "token_policies": []string{"default"},
		"metadata": nil, "lease_duration": t.ttl(v.now()), "renewable": t.Renewable, "entity_id": "",
		"token_type": t.kind(), "orphan": true,
	}}
}

// tokenCall answers auth/token/lookup-self and renew-self.
func (v *Vault) tokenCall(t *vaultToken, call, token string) vaultAnswer {
	now := v.now()
	switch call {
	case "lookup-self":
		data := map[string]any{
			"creation_time": t.created.Unix(), "creation_ttl": int(t.TTL.Seconds()), "ttl": t.ttl(now),
			"expire_time": nil, "renewable": t.Renewable, "type": t.kind(), "path": "auth/sandbox", "num_uses": 0,
		}
		if !t.expires.IsZero() {
			data["expire_time"] = vaultTime(t.expires)
		}
		return vaultAnswer{status: http.StatusOK, data: data}
	case "renew-self":
		if !t.Renewable {
			return vaultErrors(http.StatusBadRequest, "lease is not renewable")
		}
		if t.TTL > 0 {
			t.expires = now.Add(t.TTL)
			if end := t.created.Add(t.MaxTTL); t.MaxTTL > 0 && t.expires.After(end) {
				t.expires = end
			}
		}
		return v.auth(token, t)
	}
	return vaultErrors(http.StatusForbidden, "1 error occurred:\n\t* permission denied\n\n")
}

// wrapping answers sys/wrapping/lookup and unwrap.
func (v *Vault) wrapping(r *http.Request, call string, body map[string]any) vaultAnswer {
	token, _ := body["token"].(string)
	if token == "" {
		token = r.Header.Get("X-Vault-Token")
	}
	kept, ok := v.wrapped[token]
	if !ok {
		return vaultErrors(http.StatusBadRequest, "wrapping token is not valid or does not exist")
	}
	if call == "lookup" {
		return vaultAnswer{status: http.StatusOK, data: map[string]any{
			"creation_path": kept.path, "creation_time": vaultTime(v.now()), "creation_ttl": 300,
		}}
	}
	delete(v.wrapped, token)
	return vaultAnswer{status: http.StatusOK, data: kept.data}
}
