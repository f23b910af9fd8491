package git

import (
	"bytes"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

// maxKeyFile limits a file of keys, in bytes.
const maxKeyFile = 1 << 20

// Keys are the signing keys that are trusted for some files.
type Keys struct {
	Name string
	// Covers reports whether they are trusted for a file, by its path relative
	// to the source's root.
	Covers func(path string) bool
	// OpenPGPFile has armored public keys, and AllowedSignersFile SSH keys in
	// OpenSSH's format. One may be empty. They are read for every new commit.
	OpenPGPFile, AllowedSignersFile string
}

// keyring is Keys whose files were read.
type keyring struct {
	Keys
	verify func(payload, signature []byte, now time.Time) error
}

// read reads the files of all keys.
func (v *Verify) read() ([]keyring, error) {
	var keyrings []keyring
	for _, keys := range v.Keys {
		var ofPGP, ofSSH func(payload, signature []byte, now time.Time) error
		for _, file := range []struct {
			path string
			read func([]byte) error
		}{
			{keys.OpenPGPFile, func(data []byte) error {
				list, err := readOpenPGP(data)
				ofPGP = func(payload, signature []byte, now time.Time) error {
					return verifyOpenPGP(list, payload, signature, now)
				}
				return err
			}},
			{keys.AllowedSignersFile, func(data []byte) error {
				list, err := readAllowedSigners(data)
				ofSSH = func(payload, signature []byte, now time.Time) error { return verifySSH(list, payload, signature, now) }
				return err
			}},
		} {
			if file.path == "" {
				continue
			}
			data, err := boundedio.ReadFile(file.path, maxKeyFile)
			if err == nil {
				err = file.read(data)
			}
			if err != nil {
				return nil, &binding.Failure{
					Kind: binding.Refused, Fault: binding.FaultCredentials, Code: codeKeys, Op: message.New("op.git.verify-keys", "keys", keys.Name), Object: file.path, Err: err,
					Hint: message.New("git.verify.file"),
				}
			}
		}
		keyrings = append(keyrings, keyring{keys, func(payload, signature []byte, now time.Time) error {
			return verifyEither(ofPGP, ofSSH, payload, signature, now)
		}})
	}
	return keyrings, nil
}

// verifyEither checks a signature of either kind.
func verifyEither(ofPGP, ofSSH func(payload, signature []byte, now time.Time) error, payload, signature []byte, now time.Time) error {
	switch {
	case bytes.HasPrefix(signature, []byte("-----BEGIN PGP SIGNATURE-----")) && ofPGP != nil:
		return ofPGP(payload, signature, now)
	case bytes.HasPrefix(signature, []byte("-----BEGIN SSH SIGNATURE-----")) && ofSSH != nil:
		return ofSSH(payload, signature, now)
	}
	return unverified(codeSignature, message.New("git.verify.kind"))
}
