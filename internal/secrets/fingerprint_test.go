package secrets_test

import (
	"strings"
	"testing"

	"reconciler/internal/secrets"
)

func TestFingerprintTellsSecretsApartUnderOneKeyOnly(t *testing.T) {
	const value = "canary-value"
	key, other := []byte("key-1"), []byte("key-2")
	a := secrets.New([]byte(value)).Fingerprint(key)
	if b := secrets.New([]byte(value)).Fingerprint(key); a != b {
		t.Errorf("equal secrets, different fingerprints: %s, %s", a, b)
	}
	if b := secrets.New([]byte(value + "x")).Fingerprint(key); a == b {
		t.Error("different secrets, equal fingerprints")
	}
	if b := secrets.New([]byte(value)).Fingerprint(other); a == b {
		t.Error("different keys, equal fingerprints")
	}
	if strings.Contains(a, value) {
		t.Error("the fingerprint shows the value")
	}
}

func TestFingerprintIsEmptyWithoutValueOrKey(t *testing.T) {
	if got := (secrets.Secret{}).Fingerprint([]byte("key")); got != "" {
		t.Errorf("of no value: %q", got)
	}
	if got := secrets.New([]byte("value")).Fingerprint(nil); got != "" {
		t.Errorf("without a key: %q", got)
	}
}
