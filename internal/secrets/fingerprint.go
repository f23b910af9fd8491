package secrets

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// Fingerprint is a keyed HMAC of the value. With it, a holder of the key can
// check that a secret has not changed. It is empty without a value or a key:
// without a key, a short secret could be found by trying.
func (s Secret) Fingerprint(key []byte) string {
	if s.IsZero() || len(key) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(s.Expose()))
	return hex.EncodeToString(mac.Sum(nil))
}
