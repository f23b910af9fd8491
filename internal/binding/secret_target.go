package binding

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
)

// SecretTarget is where a token is sent: a platform without addresses, or else a
// host. Host includes a port that is not the scheme's default. Secure is true if
// the connection is encrypted.
type SecretTarget struct {
	Platform Platform
	Host     string
	Secure   bool
}

// String is the target for a person.
func (t SecretTarget) String() string {
	if t.Secure {
		return cmp.Or(t.Host, string(t.Platform))
	}
	return t.Host + " (http)"
}

// SecretTargetOf is the target of an address, or of a platform that has none.
func SecretTargetOf(platform Platform, address string) SecretTarget {
	if platform != GitLab {
		return SecretTarget{Platform: platform, Secure: true}
	}
	scheme, rest, found := strings.Cut(NormalAddress(address), "://")
	if !found {
		return SecretTarget{Host: address}
	}
	host, _, _ := strings.Cut(rest, "/")
	host = strings.TrimSuffix(strings.Replace(host, ".:", ":", 1), ".")
	return SecretTarget{Host: host, Secure: scheme == "https"}
}

// HostKey is the custom metadata of a secret that names the host that its token
// belongs to.
const HostKey = "reconciler-host"

// Allowed reports whether a secret whose HostKey has this value may be sent to the
// target. An empty value allows every target. Otherwise the value is a host (with
// its port if that is not the scheme's default), an address as in a declaration, or
// a platform without addresses. Only an address with http allows http.
func (t SecretTarget) Allowed(host string) bool {
	if host == "" {
		return true
	}
	host = strings.ToLower(strings.TrimSpace(host))
	if t.Platform != "" || slices.Contains(AllPlatforms(), Platform(host)) {
		return host == string(t.Platform)
	}
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	named := SecretTargetOf(GitLab, host)
	return t.Host == named.Host && (t.Secure || !named.Secure)
}

// secretPlace is where the store keeps a secret, without key and version: whoever
// can obtain the value of one key can obtain the others too. Mount and path are
// joined, because the store does the same: kv1 with acr/x is kv1/acr with x.
type secretPlace string

func secretPlaceOf(ref VaultRef) secretPlace { return secretPlace(path.Join(ref.Mount, ref.Path)) }

type targets map[secretPlace]map[SecretTarget]bool

// add adds the target of a secret. A reference without a path, and an unknown
// GitLab address, add nothing.
func (t targets) add(ref VaultRef, platform Platform, address string) {
	if ref.Path == "" || platform == GitLab && address == "" {
		return
	}
	place := secretPlaceOf(ref)
	if t[place] == nil {
		t[place] = map[SecretTarget]bool{}
	}
	t[place][SecretTargetOf(platform, address)] = true
}

// layers are targets from several origins. A layer never changes after it is added,
// so all instances can share it.
type layers []targets

// and returns these layers and more.
func (l layers) and(more ...targets) layers {
	sum := slices.Clip(l)
	for _, t := range more {
		if len(t) > 0 {
			sum = append(sum, t)
		}
	}
	return sum
}

// of returns the targets of a place. The map may belong to a layer, so do not
// change it.
func (l layers) of(place secretPlace) map[SecretTarget]bool {
	var all map[SecretTarget]bool
	shared := false
	for _, t := range l {
		switch own := t[place]; {
		case len(own) == 0:
		case all == nil:
			all, shared = own, true
		default:
			if shared {
				all, shared = maps.Clone(all), false
			}
			maps.Copy(all, own)
		}
	}
	return all
}

// SecretTargets are the targets of each secret, on all instances: those that it
// was applied with last, and those that declarations name.
type SecretTargets struct{ applied, declared layers }

// With returns these targets and those of records and declarations.
func (t SecretTargets) With(records []Record, declarations []Declaration) SecretTargets {
	applied, declared := targets{}, targets{}
	for _, r := range records {
		applied.add(r.Vault, r.Platform, r.Address)
		applied.add(r.Vault, r.Platform, r.Wanted().Address)
	}
	for _, d := range declarations {
		if d.Spec.Token != nil {
			declared.add(d.Spec.Token.Vault, d.Spec.Platform, d.Spec.Address)
		}
	}
	return SecretTargets{t.applied.and(applied), t.declared.and(declared)}
}

// And returns these targets and others.
func (t SecretTargets) And(other SecretTargets) SecretTargets {
	return SecretTargets{t.applied.and(other.applied...), t.declared.and(other.declared...)}
}

// SameFor reports whether t and others declare the same targets for the secrets of
// some declarations.
func (t SecretTargets) SameFor(declarations []Declaration, others SecretTargets) bool {
	return !slices.ContainsFunc(declarations, func(d Declaration) bool {
		if d.Spec.Token == nil {
			return false
		}
		place := secretPlaceOf(d.Spec.Token.Vault)
		return !maps.Equal(t.declared.of(place), others.declared.of(place))
	})
}

// AsApplied returns the declared targets as if they had been applied.
func (t SecretTargets) AsApplied() SecretTargets { return SecretTargets{applied: t.declared} }

// SecretMove is a token that would be sent to a different host.
type SecretMove struct {
	// From are the other hosts.
	From []string
	// Applied is true if the token was applied with them. Otherwise it was never
	// applied, and other declarations send it to them.
	Applied bool
	// Named is true if the secret itself names a different host.
	Named bool
}

// Refused reports whether the token must not be sent. A person may allow a move,
// but not to a host that the secret itself excludes.
func (m *SecretMove) Refused(allowed bool) bool { return m != nil && (m.Named || !allowed) }

// Move returns the move that a declaration makes, or nil. If the secret itself
// names its host (HostKey), that decides. A secret that was applied may be sent to
// a host that it was applied with. If a secret was never applied, nobody knows
// which host it belongs to, so all declarations must name the same host. A change
// from http to https at the same host is not a move. Call Move before you send a
// declared token to a declared address.
func (t SecretTargets) Move(d Declaration, host string) *SecretMove {
	if d.Spec.Token == nil {
		return nil
	}
	place, to := secretPlaceOf(d.Spec.Token.Vault), SecretTargetOf(d.Spec.Platform, d.Spec.Address)
	if host != "" {
		if to.Allowed(host) {
			return nil
		}
		return &SecretMove{From: []string{host}, Named: true}
	}
	applied := t.applied.of(place)
	plain := to
	plain.Secure = false
	if applied[to] || to.Secure && applied[plain] {
		return nil
	}
	move, others := SecretMove{Applied: len(applied) > 0}, applied
	if !move.Applied {
		others = t.declared.of(place)
	}
	for at := range others {
		if at != to && (at != plain || !to.Secure) {
			move.From = append(move.From, at.String())
		}
	}
	if len(move.From) == 0 {
		return nil
	}
	slices.Sort(move.From)
	return &move
}
