package webhook

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
	"reconciler/internal/server/port"
)

const (
	// minSecretBytes is the length of the shortest accepted secret. An attacker
	// who has seen one delivery could find a shorter one by trying.
	minSecretBytes = 16
	maxSecretBytes = 4 << 10
	// settled is the age from which a file's modification time shows that the
	// file has not changed. Before that, two changes within one step of the
	// clock look like one.
	settled = 2 * time.Second
)

// secretFile is a file that holds one secret, read again when it changes.
type secretFile struct {
	path     string
	kind     Kind
	redactor *secrets.Redactor

	mu   sync.Mutex
	info os.FileInfo // of the file that key was read from; nil to read again
	text secrets.Secret
	key  key
	// unmask makes the redactor forget text and key.
	unmask []func()
	// gone is true if the file is no longer configured. Running requests still
	// use the previous key.
	gone bool
}

// Check returns an error if the secrets of a sender cannot be used.
func (s Sender) Check() error {
	var errs []error
	for _, path := range []string{s.SecretFile, s.PreviousSecretFile} {
		if path == "" {
			continue
		}
		f := &secretFile{path: path, kind: s.Kind}
		_, err := f.load()
		errs = append(errs, err)
		f.forget()
	}
	return errors.Join(errs...)
}

// ofSecret is the beginning of an error about a secret.
func ofSecret() message.Message { return message.New("webhook.secret") }

// load returns the file's current secret. The error names the file and contains
// none of its content.
func (f *secretFile) load() (key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gone {
		return f.key, nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return key{}, message.Within(ofSecret(), err)
	}
	if f.info != nil && port.Unchanged(info, f.info) {
		return f.key, nil
	}
	if !info.Mode().IsRegular() {
		return key{}, message.Within(ofSecret(), message.NewError("source.no-regular-file", "file", f.path))
	}
	data, err := boundedio.ReadText(f.path, maxSecretBytes)
	if err != nil {
		return key{}, message.Within(ofSecret(), err)
	}
	if len(data) < minSecretBytes {
		return key{}, message.NewError("config.token-short", "field", ofSecret(), "file", f.path, "least", minSecretBytes)
	}
	if !f.text.Matches(string(data)) {
		if err := f.take(data); err != nil {
			return key{}, err
		}
	}
	f.info = nil
	if time.Since(info.ModTime()) > settled {
		f.info = info
	}
	return f.key, nil
}

// take replaces the previous secret with data.
func (f *secretFile) take(data []byte) error {
	next := key{secret: secrets.New(bytes.Clone(data))}
	if encoded, ok := strings.CutPrefix(string(data), "whsec_"); ok && f.kind == GitLab {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(decoded) < minSecretBytes {
			return message.Within(ofSecret(), message.NewError("webhook.not-signing", "file", f.path, "least", minSecretBytes))
		}
		next = key{secret: secrets.New(decoded), signing: true}
	}
	f.forgetLocked()
	f.text, f.key = secrets.New(data), next
	f.unmask = []func(){f.redactor.Register(f.text), f.redactor.Register(f.key.secret)}
	return nil
}

// forget wipes the secret.
func (f *secretFile) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
	f.forgetLocked()
}

// forgetLocked is forget with mu held. It does not wipe the key, because a
// running request may still use it.
func (f *secretFile) forgetLocked() {
	for _, unmask := range f.unmask {
		unmask()
	}
	f.unmask, f.info = nil, nil
	f.text.Wipe()
}
