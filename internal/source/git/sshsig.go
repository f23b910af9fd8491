package git

import (
	"bufio"
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"reconciler/internal/message"
)

// sshNamespace is the namespace of git's signatures.
const sshNamespace = "git"

// sshSignature is the format of an SSH signature, and sshSigned what is signed.
// Source: PROTOCOL.sshsig of OpenSSH.
type sshSignature struct {
	Magic                              [6]byte
	Version                            uint32
	PublicKey                          []byte
	Namespace, Reserved, HashAlgorithm string
	Signature                          []byte
}

type sshSigned struct {
	Magic                              [6]byte
	Namespace, Reserved, HashAlgorithm string
	Hash                               []byte
}

// allowedSigner is a line of an allowed_signers file.
type allowedSigner struct {
	key ssh.PublicKey
	// namespaces are those that the key is for; empty for all.
	namespaces []string
	// after and before limit when the key is valid; zero means no limit.
	after, before time.Time
}

// readAllowedSigners reads a file as ssh-keygen -Y verify does.
func readAllowedSigners(data []byte) ([]allowedSigner, error) {
	var signers []allowedSigner
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		signer, err := readAllowedSigner(line)
		if err != nil {
			return nil, message.NewError("git.line", "line", n, "why", err)
		}
		signers = append(signers, signer)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(signers) == 0 {
		return nil, message.NewError("git.no-keys")
	}
	return signers, nil
}

func readAllowedSigner(line string) (s allowedSigner, err error) {
	rest := ""
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		_, rest, _ = strings.Cut(quoted, `"`)
	} else {
		n := strings.IndexAny(line, " \t")
		if n < 0 {
			return s, message.NewError("git.signer-form")
		}
		rest = line[n:]
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(rest)))
	if err != nil {
		return s, message.NewError("git.signer-form")
	}
	s.key = key
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			s.namespaces = strings.Split(value, ",")
		case "valid-after":
			s.after, err = signerTime(value)
		case "valid-before":
			s.before, err = signerTime(value)
		default:
			err = message.NewError("git.signer-option", "name", name)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// signerTime parses YYYYMMDD[HHMM[SS]][Z]. Without Z it is in the time zone of
// this machine.
func signerTime(value string) (time.Time, error) {
	digits, utc := strings.CutSuffix(value, "Z")
	zone := time.Local
	if utc {
		zone = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, digits, zone); err == nil && len(digits) == len(layout) {
			return t, nil
		}
	}
	return time.Time{}, message.NewError("git.signer-time", "value", value)
}

// verifySSH checks that one of signers made the signature over payload. The key
// has to be valid at now.
func verifySSH(signers []allowedSigner, payload, armored []byte, now time.Time) error {
	block, rest := pem.Decode(armored)
	var sig sshSignature
	if block == nil || block.Type != "SSH SIGNATURE" || len(bytes.TrimSpace(rest)) > 0 || ssh.Unmarshal(block.Bytes, &sig) != nil ||
		string(sig.Magic[:]) != "SSHSIG" || sig.Version != 1 {
		return unverified(codeSignature, message.New("git.ssh.malformed"))
	}
	if sig.Namespace != sshNamespace {
		return unverified(codeSignature, message.New("git.ssh.purpose"))
	}
	var sum []byte
	switch sig.HashAlgorithm {
	case "sha256":
		hash := sha256.Sum256(payload)
		sum = hash[:]
	case "sha512":
		hash := sha512.Sum512(payload)
		sum = hash[:]
	default:
		return unverified(codeSignature, message.New("git.ssh.digest"))
	}
	key, err := ssh.ParsePublicKey(sig.PublicKey)
	made := new(ssh.Signature)
	if err != nil || ssh.Unmarshal(sig.Signature, made) != nil || weak(key, made) {
		return unverified(codeSignature, message.New("git.ssh.weak"))
	}
	signed := ssh.Marshal(sshSigned{sig.Magic, sig.Namespace, sig.Reserved, sig.HashAlgorithm, sum})
	if key.Verify(signed, made) != nil {
		return unverified(codeSignature, message.New("git.ssh.not-of-this"))
	}
	return allowedKey(signers, key, now)
}

// weak reports whether a signature is not accepted: one made with DSA, a short
// RSA key, or RSA and SHA-1; or with a certificate, whose authority is not
// checked.
func weak(key ssh.PublicKey, sig *ssh.Signature) bool {
	if _, certificate := key.(*ssh.Certificate); certificate {
		return true
	}
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return false
	case ssh.KeyAlgoRSA:
		crypto, ok := key.(ssh.CryptoPublicKey)
		if !ok {
			return true
		}
		public, ok := crypto.CryptoPublicKey().(*rsa.PublicKey)
		return !ok || public.N.BitLen() < 2048 || sig.Format != ssh.KeyAlgoRSASHA256 && sig.Format != ssh.KeyAlgoRSASHA512
	}
	return true
}

// allowedKey checks that a key is one of signers, for git, at a time.
func allowedKey(signers []allowedSigner, key ssh.PublicKey, now time.Time) error {
	known := false
	for _, s := range signers {
		if !same(s.key, key) {
			continue
		}
		known = true
		forGit := len(s.namespaces) == 0 || slices.Contains(s.namespaces, sshNamespace) || slices.Contains(s.namespaces, "*")
		if forGit && (s.after.IsZero() || !now.Before(s.after)) && (s.before.IsZero() || now.Before(s.before)) {
			return nil
		}
	}
	if known {
		return unverified(codeKey, message.New("git.ssh.not-now", "key", ssh.FingerprintSHA256(key)))
	}
	return unverified(codeSignature, message.New("git.ssh.untrusted", "key", ssh.FingerprintSHA256(key)))
}
