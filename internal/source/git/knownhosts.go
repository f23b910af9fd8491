package git

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"reconciler/internal/boundedio"
)

// maxKnownHosts bounds a known_hosts file, in bytes.
const maxKnownHosts = 16 << 20

// trust is what known_hosts says of one host.
type trust struct {
	check ssh.HostKeyCallback
	// algorithms are those of the keys that are known, the best first.
	algorithms []string
}

// preference is OpenSSH's order of host keys. A server answers with the first
// that it has, so an old line of a weaker type does not stand in the way of a
// right one.
var preference = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
	ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA,
}

// trusted reads what a known_hosts file says of a host and port. As with
// OpenSSH, a line that cannot be read says nothing, and one without a port
// holds for a host on another port of which no line speaks.
func trusted(file, host, address string) (trust, error) {
	db, err := readKnown(file)
	if err != nil {
		return trust{}, fmt.Errorf("known_hosts: %w", err)
	}
	for _, at := range []string{address, net.JoinHostPort(host, "22")} {
		algorithms := db.HostKeyAlgorithms(at)
		if len(algorithms) == 0 {
			continue
		}
		slices.SortStableFunc(algorithms, func(a, b string) int { return rank(a) - rank(b) })
		check := db.HostKeyCallback()
		return trust{algorithms: algorithms, check: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			return check(at, remote, key)
		}}, nil
	}
	return trust{}, errUnknownHost
}

func rank(algorithm string) int {
	if i := slices.Index(preference, algorithm); i >= 0 {
		return i
	}
	return len(preference)
}

// readKnown reads a known_hosts file without the lines that cannot be read. The
// library takes files only and refuses one with such a line, so what is left is
// handed to it in another file.
func readKnown(file string) (*knownhosts.HostKeyDB, error) {
	data, err := boundedio.ReadFile(file, maxKnownHosts)
	if err != nil {
		return nil, err
	}
	var readable bytes.Buffer
	var refused error
	for line := range bytes.Lines(data) {
		if err := checkKnown(line); err == nil {
			readable.Write(line)
		} else if !errors.Is(err, io.EOF) {
			refused = err
		}
	}
	if refused == nil {
		return knownhosts.NewDB(file)
	}
	if readable.Len() == 0 {
		return nil, refused
	}
	copied, err := os.CreateTemp("", "known_hosts-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(copied.Name()) }()
	_, err = copied.Write(readable.Bytes())
	if err = errors.Join(err, copied.Close()); err != nil {
		return nil, err
	}
	return knownhosts.NewDB(copied.Name())
}

// checkKnown says why a line cannot be read; io.EOF where nothing stands in it.
func checkKnown(line []byte) error {
	marker, hosts, _, _, _, err := ssh.ParseKnownHosts(line)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"", "revoked", "cert-authority"}, marker) {
		return fmt.Errorf("unknown marker %q", marker)
	}
	for _, host := range hosts {
		if strings.HasPrefix(host, "|") && (len(hosts) > 1 || !strings.HasPrefix(host, "|1|") || strings.Count(host, "|") != 3) {
			return errors.New("a hashed name cannot be read")
		}
	}
	return nil
}
