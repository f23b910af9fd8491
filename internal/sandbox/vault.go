package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Vault is an in-memory stand-in for a Vault server: KV version 1 and 2
// reading, tokens with a life, policies reduced to path prefixes, and the
// logins that hand out such tokens. What it answers has the shape, the status
// and the error texts of Vault 1.21, and one contract test holds both to the
// same. Secrets are written by its methods, never over the wire. It is safe
// for concurrent use.
type Vault struct {
	// Faults go wrong on demand, in front of everything.
	Faults Faults

	now func() time.Time

	mu       sync.Mutex
	sealed   bool
	mounts   map[string]*vaultMount
	tokens   map[string]*vaultToken
	roles    []VaultRole
	wrapped  map[string]vaultWrapped
	calls    []VaultCall
	requests int
}

// VaultCall is one request that the stand-in saw; its token is not kept.
type VaultCall struct {
	Method, Path, Namespace string
}

// vaultMount is a KV secrets engine.
type vaultMount struct {
	version int
	secrets map[string]*vaultSecret
}

// vaultSecret is the secret at one path. KV version 1 has only one version.
type vaultSecret struct {
	created, updated time.Time
	custom           map[string]string
	versions         []vaultVersion
}

// vaultVersion is one version of a secret. data is nil once destroyed.
type vaultVersion struct {
	data      map[string]string
	created   time.Time
	deleted   time.Time
	destroyed bool
}

// NewVault makes an unsealed Vault with a KV version 2 engine at "secret" and
// one token that may do everything and does not end. now is the clock; nil is
// the system's.
func NewVault(token string, now func() time.Time) *Vault {
	if now == nil {
		now = time.Now
	}
	v := &Vault{
		now:     now,
		mounts:  map[string]*vaultMount{},
		tokens:  map[string]*vaultToken{},
		wrapped: map[string]vaultWrapped{},
	}
	v.Mount("secret", 2)
	v.AddToken(token, VaultToken{Paths: []string{""}})
	return v
}

// Mount enables a KV secrets engine of version 1 or 2.
func (v *Vault) Mount(mount string, version int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.mounts[mount] = &vaultMount{version: version, secrets: map[string]*vaultSecret{}}
}

// Put writes a new version of a secret and returns its number; in a KV
// version 1 engine it replaces the secret and returns 0. Where nothing is
// mounted, a KV version 2 engine is.
func (v *Vault) Put(mount, path string, data map[string]string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	m, s := v.secret(mount, path)
	written := vaultVersion{data: maps.Clone(data), created: v.now().UTC()}
	if m.version == 1 {
		s.versions = []vaultVersion{written}
		return 0
	}
	s.versions = append(s.versions, written)
	s.updated = written.created
	return len(s.versions)
}

// PutCustom replaces the custom metadata of a secret.
func (v *Vault) PutCustom(mount, path string, custom map[string]string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, s := v.secret(mount, path)
	s.custom = maps.Clone(custom)
}

// Delete marks versions of a secret as deleted, the newest where none is
// named. Vault can undelete them.
func (v *Vault) Delete(mount, path string, versions ...int) {
	v.change(mount, path, versions, func(version *vaultVersion) { version.deleted = v.now().UTC() })
}

// Undelete takes Delete back.
func (v *Vault) Undelete(mount, path string, versions ...int) {
	v.change(mount, path, versions, func(version *vaultVersion) { version.deleted = time.Time{} })
}

// Destroy permanently removes the data of versions of a secret; of the newest
// if none is named.
func (v *Vault) Destroy(mount, path string, versions ...int) {
	v.change(mount, path, versions, func(version *vaultVersion) {
		clear(version.data)
		version.data, version.destroyed = nil, true
	})
}

// Remove removes a secret with its metadata, as if it had never been.
func (v *Vault) Remove(mount, path string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if m := v.mounts[mount]; m != nil {
		delete(m.secrets, path)
	}
}

// Seal seals the server, or unseals it.
func (v *Vault) Seal(sealed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealed = sealed
}

// Calls are the requests seen so far, in order.
func (v *Vault) Calls() []VaultCall {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

// ForgetCalls clears the journal, for a long-running world.
func (v *Vault) ForgetCalls() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls = nil
}

// Count is how many of the requests' paths ended in suffix, for example
// "/login".
func (v *Vault) Count(suffix string) int {
	n := 0
	for _, c := range v.Calls() {
		if strings.HasSuffix(c.Path, suffix) {
			n++
		}
	}
	return n
}

// Handler serves Vault's HTTP API.
func (v *Vault) Handler() http.Handler { return v.Faults.Wrap(http.HandlerFunc(v.serve)) }

// secret finds or creates the secret at a path. The caller holds the lock.
func (v *Vault) secret(mount, path string) (*vaultMount, *vaultSecret) {
	m := v.mounts[mount]
	if m == nil {
		m = &vaultMount{version: 2, secrets: map[string]*vaultSecret{}}
		v.mounts[mount] = m
	}
	s := m.secrets[path]
	if s == nil {
		now := v.now().UTC()
		s = &vaultSecret{created: now, updated: now}
		m.secrets[path] = s
	}
	return m, s
}

// change does something to versions of a secret.
func (v *Vault) change(mount, path string, versions []int, do func(*vaultVersion)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, s := v.secret(mount, path)
	if len(versions) == 0 {
		versions = []int{len(s.versions)}
	}
	for _, n := range versions {
		if n >= 1 && n <= len(s.versions) {
			do(&s.versions[n-1])
		}
	}
}
