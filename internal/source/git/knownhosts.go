package git

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // OpenSSH hashes names with it. No security depends on it.
	"encoding/base64"
	"errors"
	"net"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

// maxKnownHosts limits a known_hosts file, in bytes.
const maxKnownHosts = 16 << 20

// Why a host key is refused.
var (
	errUnknownHost    = message.NewError("git.host-unknown")
	errHostKeyChanged = message.NewError("git.host-other-keys")
	errHostKeyRevoked = message.NewError("git.host-revoked")
)

// The markers that a line may begin with.
const (
	markRevoked   = "@revoked"
	markAuthority = "@cert-authority"
)

// preference is OpenSSH's order of host key algorithms. A server uses the first
// one that it has.
var preference = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoSKED25519v01, ssh.CertAlgoSKECDSA256v01, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA,
}

// certificates is how many of preference are certificates.
const certificates = 8

// trust is what known_hosts says about one host.
type trust struct {
	host string
	// names are the names of the host in known_hosts: with its port, then
	// without.
	names []string
	lines []knownLine
}

// knownLine is one valid line.
type knownLine struct {
	mark, names string
	key         ssh.PublicKey
}

// trusted reads what a known_hosts file says about a host and port. Unlike the
// libraries for such files, it handles names with wildcards and capitals, revoked
// keys, and certificates as OpenSSH does. It ignores an invalid line.
func trusted(file, host, address string) (trust, error) {
	data, err := boundedio.ReadFile(file, maxKnownHosts)
	if err != nil {
		return trust{}, message.Within("known_hosts", err)
	}
	t := trust{host: strings.ToLower(host)}
	if _, port, _ := net.SplitHostPort(address); port != "22" {
		t.names = []string{"[" + t.host + "]:" + port}
	}
	t.names = append(t.names, t.host)
	applies := false
	for line := range bytes.Lines(data) {
		l, ok := parseKnown(line)
		if !ok || !slices.ContainsFunc(t.names, l.appliesTo) {
			continue
		}
		t.lines = append(t.lines, l)
		applies = applies || l.mark != markRevoked
	}
	if !applies {
		return trust{}, errUnknownHost
	}
	return t, nil
}

// parseKnown parses MARKER NAMES TYPE KEY COMMENT. The first and the last may
// be missing.
func parseKnown(line []byte) (l knownLine, ok bool) {
	words := bytes.Fields(line)
	if len(words) > 0 && words[0][0] == '@' {
		l.mark, words = string(words[0]), words[1:]
	}
	if len(words) < 3 || words[0][0] == '#' || !slices.Contains([]string{"", markRevoked, markAuthority}, l.mark) {
		return l, false
	}
	blob, err := base64.StdEncoding.DecodeString(string(words[2]))
	if err != nil {
		return l, false
	}
	l.names = string(words[0])
	l.key, err = ssh.ParsePublicKey(blob)
	return l, err == nil && l.key.Type() == string(words[1])
}

// appliesTo reports whether the line applies to a name, which is in lower case.
func (l knownLine) appliesTo(name string) bool {
	if hashed, ok := strings.CutPrefix(l.names, "|1|"); ok {
		return isHash(hashed, name)
	}
	found := false
	for pattern := range strings.SplitSeq(strings.ToLower(l.names), ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !matchName(pattern, name) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// isHash reports whether SALT|HASH is the hash of a name.
func isHash(hashed, name string) bool {
	salt, sum, _ := strings.Cut(hashed, "|")
	key, saltErr := base64.StdEncoding.DecodeString(salt)
	want, sumErr := base64.StdEncoding.DecodeString(sum)
	mac := hmac.New(sha1.New, key)
	mac.Write([]byte(name))
	return saltErr == nil && sumErr == nil && hmac.Equal(mac.Sum(nil), want)
}

// wildcards turns a quoted name of known_hosts into a regular expression.
var wildcards = strings.NewReplacer(`\*`, `.*`, `\?`, `.`)

func matchName(pattern, name string) bool {
	if !strings.ContainsAny(pattern, "*?") {
		return pattern == name
	}
	matched, err := regexp.MatchString("^"+wildcards.Replace(regexp.QuoteMeta(pattern))+"$", name)
	return matched && err == nil
}

// algorithms returns all host key algorithms, those that known_hosts has for
// the host first, so that an old line with a weaker key does not hide a valid
// one.
func (t trust) algorithms() []string {
	var known, others []string
	for i, algorithm := range preference {
		if slices.ContainsFunc(t.lines, func(l knownLine) bool { return l.offers(i) }) {
			known = append(known, algorithm)
		} else {
			others = append(others, algorithm)
		}
	}
	return append(known, others...)
}

// offers reports whether the line may have a key of preference[i].
func (l knownLine) offers(i int) bool {
	kind := preference[i]
	if kind == ssh.KeyAlgoRSASHA512 || kind == ssh.KeyAlgoRSASHA256 {
		kind = ssh.KeyAlgoRSA
	}
	return l.mark == markAuthority && i < certificates || l.mark == "" && l.key.Type() == kind
}

// check implements ssh.HostKeyCallback. Lines about the host without its port
// apply only if there are none with its port.
func (t trust) check(_ string, _ net.Addr, key ssh.PublicKey) error {
	err := errUnknownHost
	for _, name := range t.names {
		if err = t.checkAs(name, key); !errors.Is(err, errUnknownHost) {
			return err
		}
	}
	return err
}

// checkAs checks a key by the lines about one name. A certificate that no line
// accepts is treated as a plain key.
func (t trust) checkAs(name string, key ssh.PublicKey) error {
	cert, certified := key.(*ssh.Certificate)
	if certified {
		key = cert.Key
	}
	trusted, err := false, errUnknownHost
	for _, l := range t.lines {
		own, signed := same(l.key, key), certified && same(l.key, cert.SignatureKey)
		switch {
		case !l.appliesTo(name):
		case l.mark == markRevoked && (own || signed):
			return errHostKeyRevoked
		case l.mark == markAuthority && signed && t.valid(cert), l.mark == "" && own:
			trusted = true
		case l.mark == "":
			err = errHostKeyChanged
		}
	}
	if trusted {
		return nil
	}
	return err
}

// valid reports whether a certificate is the host's and is valid now.
func (t trust) valid(cert *ssh.Certificate) bool {
	return cert.CertType == ssh.HostCert && new(ssh.CertChecker).CheckCert(t.host, cert) == nil
}

func same(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }
