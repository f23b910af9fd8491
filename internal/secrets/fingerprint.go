package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint is a keyed HMAC of the value, by which a holder of the key, and
// nobody else, can tell that a secret is still the same. It is empty for no
// value or no key: an unkeyed fingerprint of a short secret can be searched.
func (s Secret) Fingerprint(key []byte) string {
	if s.IsZero() || len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(s.Expose()))
	return hex.EncodeToString(mac.Sum(nil))
}
