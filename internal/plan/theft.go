package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// codeMoved is the rule that keeps a token from being sent to another host.
const codeMoved = "address-changed-with-secret"

// SecretMoves says whether d would send a token to another host than the one
// that it was applied with, and which hosts those were. Declared are all
// declarations of d's instance, d among them, and records what was applied last
// on it. A token that was never applied moves nowhere; nor does one whose host
// nobody wrote down. Whoever sends a declared token to a declared address has
// to ask this first.
func SecretMoves(d binding.Declaration, declared []binding.Declaration, records []binding.Record) (from []string, moves bool) {
	return appliedPlaces(declared, records, func(r binding.Record) bool {
		return r.Platform == d.Spec.Platform && (r.Binding == d.Name || declarationOf(declared, r) == nil)
	}).moves(d)
}

// appliedPlaces are the places of the records that are own, and of those whose
// own declarations still name the secret. One that let the secret go has no
// say in it any more: the next plan would not know of it.
func appliedPlaces(declared []binding.Declaration, records []binding.Record, own func(binding.Record) bool) places {
	seen := places{}
	for _, r := range records {
		if d := declarationOf(declared, r); !own(r) &&
			(d == nil || d.Spec.Token == nil || d.Spec.Token.Vault.Mount != r.Vault.Mount || d.Spec.Token.Vault.Path != r.Vault.Path) {
			continue
		}
		for _, address := range []string{r.Address, r.Wanted().Address} {
			seen.add(r.Vault, r.Platform, address)
		}
	}
	return seen
}

// declarationOf is the declaration of a record's name and platform, or nil.
func declarationOf(declared []binding.Declaration, r binding.Record) *binding.Declaration {
	i := slices.IndexFunc(declared, func(d binding.Declaration) bool { return d.Name == r.Binding && d.Spec.Platform == r.Platform })
	if i < 0 {
		return nil
	}
	return &declared[i]
}

// AddressMoves compares the declarations of two revisions: it tells those of
// head that send a token to a host to which no declaration of base sends it.
// It needs nothing but the files, so a pull request can be told of a theft
// before anything is observed; and it sees all instances at once, where Make
// sees one.
func AddressMoves(base, head []binding.Declaration) []finding.Finding {
	seen := places{}
	for _, d := range base {
		if d.Spec.Token != nil {
			seen.add(d.Spec.Token.Vault, d.Spec.Platform, d.Spec.Address)
		}
	}
	var findings []finding.Finding
	for _, d := range head {
		if from, moves := seen.moves(d); moves {
			path, f := movedFinding(&d, "is declared for", from)
			at := d.At(path)
			findings = append(findings, f.At(d.File, at.Line, at.Column).In(path))
		}
	}
	return finding.Sort(findings)
}

// moved says whether the declaration would send its token elsewhere, and plans
// the action that refuses it.
func (m *maker) moved(s subject) bool {
	from, moves := appliedPlaces(m.in.Declarations, m.in.Records, func(r binding.Record) bool {
		return s.record != nil && keyOf(r) == keyOf(*s.record)
	}).moves(*s.d)
	if !moves || m.in.Policy.AllowAddressChangeWithSecret {
		return false
	}
	path, f := movedFinding(s.d, "was applied with", from)
	m.find(s.d, path, f)
	text := movedText(s.d, "was applied with", from)
	m.act(s, takeAccount, Action{Object: binding.AccountObject(), Kind: Forbidden, Cause: CauseSecretTarget, Reason: codeMoved + ": " + text})
	return true
}

// movedFinding says that a token would be sent elsewhere; how is the words for
// what ties it to where it was sent before.
func movedFinding(d *binding.Declaration, how string, from []string) (path string, f finding.Finding) {
	path = "spec.address"
	if d.Spec.Address == "" {
		path = "spec.platform"
	}
	return path, finding.New(codeMoved, message.Verbatim(movedText(d, how, from)))
}

func movedText(d *binding.Declaration, how string, from []string) string {
	return fmt.Sprintf("the token at %s %s %s, and would be sent to %s",
		unpinned(d.Spec.Token.Vault), how, strings.Join(from, ", "), placeOf(d.Spec.Platform, d.Spec.Address))
}

// secretKey is a secret, whatever its key and version: who has one key's value
// sent to him can have the next one's.
type secretKey struct{ mount, path string }

// place is where a token is sent: a host, with a port that is not the
// scheme's own, and whether on the way nobody can read it.
type place struct {
	host   string
	secure bool
}

func (p place) String() string {
	if p.secure {
		return p.host
	}
	return p.host + " (http)"
}

// placeOf is the place of an address, or of the platform that has none.
func placeOf(platform binding.Platform, address string) place {
	if platform != binding.GitLab {
		return place{string(platform), true}
	}
	scheme, rest, found := strings.Cut(binding.NormalAddress(address), "://")
	if !found {
		return place{host: address}
	}
	host, _, _ := strings.Cut(rest, "/")
	host = strings.TrimSuffix(strings.Replace(host, ".:", ":", 1), ".")
	return place{host, scheme == "https"}
}

// places are where each secret is sent.
type places map[secretKey]map[place]bool

func (p places) add(ref binding.VaultRef, platform binding.Platform, address string) {
	if ref.Path == "" || platform == binding.GitLab && address == "" {
		return
	}
	key := secretKey{ref.Mount, ref.Path}
	if p[key] == nil {
		p[key] = map[place]bool{}
	}
	p[key][placeOf(platform, address)] = true
}

// moves says whether a declaration's secret is known and none of its places is
// the declared one, or the declared one over http.
func (p places) moves(d binding.Declaration) (from []string, moves bool) {
	if d.Spec.Token == nil {
		return nil, false
	}
	known := p[secretKey{d.Spec.Token.Vault.Mount, d.Spec.Token.Vault.Path}]
	to := placeOf(d.Spec.Platform, d.Spec.Address)
	if len(known) == 0 || known[to] || known[place{to.host, !to.secure}] && to.secure {
		return nil, false
	}
	for at := range maps.Keys(known) {
		from = append(from, at.String())
	}
	slices.Sort(from)
	return from, true
}
