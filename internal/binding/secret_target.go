package binding

import (
	"maps"
	"slices"
	"strings"
)

// SecretTarget is where a token is sent: a host, with a port other than the
// scheme's own, and whether nobody can read the token on the way.
type SecretTarget struct {
	Host   string
	Secure bool
}

// String is the target for a person.
func (t SecretTarget) String() string {
	if t.Secure {
		return t.Host
	}
	return t.Host + " (http)"
}

// SecretTargetOf is the target of an address, or of a platform that has none.
func SecretTargetOf(platform Platform, address string) SecretTarget {
	if platform != GitLab {
		return SecretTarget{string(platform), true}
	}
	scheme, rest, found := strings.Cut(NormalAddress(address), "://")
	if !found {
		return SecretTarget{Host: address}
	}
	host, _, _ := strings.Cut(rest, "/")
	host = strings.TrimSuffix(strings.Replace(host, ".:", ":", 1), ".")
	return SecretTarget{host, scheme == "https"}
}

// secretPlace is a secret in the store, whatever its key and version: whoever
// gets the value of one key can get the next one's.
type secretPlace struct{ mount, path string }

// SecretTargets are the targets of each secret.
type SecretTargets map[secretPlace]map[SecretTarget]bool

// Add adds the target of a secret. A reference without a path, and a GitLab
// address that is not known, add nothing.
func (t SecretTargets) Add(ref VaultRef, platform Platform, address string) {
	if ref.Path == "" || platform == GitLab && address == "" {
		return
	}
	key := secretPlace{ref.Mount, ref.Path}
	if t[key] == nil {
		t[key] = map[SecretTarget]bool{}
	}
	t[key][SecretTargetOf(platform, address)] = true
}

// Moves says whether a declaration sends a known secret to a target that is
// not among the secret's, and names those. A move from http to https at the
// same host is none.
func (t SecretTargets) Moves(d Declaration) (from []string, moves bool) {
	if d.Spec.Token == nil {
		return nil, false
	}
	known := t[secretPlace{d.Spec.Token.Vault.Mount, d.Spec.Token.Vault.Path}]
	to := SecretTargetOf(d.Spec.Platform, d.Spec.Address)
	if len(known) == 0 || known[to] || known[SecretTarget{to.Host, !to.Secure}] && to.Secure {
		return nil, false
	}
	for at := range maps.Keys(known) {
		from = append(from, at.String())
	}
	slices.Sort(from)
	return from, true
}

// SecretMoves says whether d sends its token to a different host than the token
// was applied with, and names those hosts. Declared are all declarations of d's
// instance, d among them, and records what was applied last on it. A token that
// was never applied does not move, nor one whose host nobody recorded. Whoever
// sends a declared token to a declared address has to ask this first.
func SecretMoves(d Declaration, declared []Declaration, records []Record) (from []string, moves bool) {
	applied := SecretTargets{}
	for _, r := range records {
		of := declarationOf(declared, r)
		own := r.Platform == d.Spec.Platform && (r.Binding == d.Name || of == nil)
		// A declaration that no longer names the secret does not count: the next
		// plan would not know of it.
		if !own && (of == nil || of.Spec.Token == nil || of.Spec.Token.Vault.Mount != r.Vault.Mount || of.Spec.Token.Vault.Path != r.Vault.Path) {
			continue
		}
		for _, address := range []string{r.Address, r.Wanted().Address} {
			applied.Add(r.Vault, r.Platform, address)
		}
	}
	return applied.Moves(d)
}

// declarationOf is the declaration of a record's name and platform, or nil.
func declarationOf(declared []Declaration, r Record) *Declaration {
	i := slices.IndexFunc(declared, func(d Declaration) bool { return d.Name == r.Binding && d.Spec.Platform == r.Platform })
	if i < 0 {
		return nil
	}
	return &declared[i]
}
