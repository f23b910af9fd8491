package binding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// DigestOf returns the SHA-256 of the values as JSON, in hexadecimal.
func DigestOf(values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		// Our values always marshal. If one ever did not, its printed form
		// identifies it.
		data = fmt.Append(nil, values...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
