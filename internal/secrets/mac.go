package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
)

// MAC is the HMAC-SHA256 of the concatenated parts, with the value as the key.
// It is nil without a value, so that it equals no signature.
func (s Secret) MAC(parts ...[]byte) []byte {
	value := s.Expose()
	if value == "" {
		return nil
	}
	mac := hmac.New(sha256.New, []byte(value))
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

// Matches reports whether candidate is the value. Its duration reveals neither
// the value nor its length. An empty secret matches nothing.
func (s Secret) Matches(candidate string) bool {
	value := s.Expose()
	want, got := sha256.Sum256([]byte(value)), sha256.Sum256([]byte(candidate))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && value != ""
}
