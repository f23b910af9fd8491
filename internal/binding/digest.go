package binding

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// DigestOf identifies values that marshal to JSON: the SHA-256 of that, in
// hexadecimal.
func DigestOf(values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		// None of ours can fail to marshal; were one to, its printed form would
		// have to do.
		data = fmt.Append(nil, values...)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
