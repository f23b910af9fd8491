package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint is a keyed HMAC of the value. Only a holder of the key can check
// with it that a secret has not changed. It is empty without a value or a key:
// an unkeyed fingerprint of a short secret could be searched.
func (s Secret) Fingerprint(key []byte) string {
	if s.IsZero() || len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(s.Expose()))
	return hex.EncodeToString(mac.Sum(nil))
}
