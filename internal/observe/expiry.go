package observe

import (
	"time"

	"reconciler/internal/binding"
)

// TokenEnd is when a token ends and who says so ("declaration", "vault" or
// "host"): the earliest of the declared day, the custom metadata of the secret
// and the code host's word. Zero where nobody tells.
func TokenEnd(declared binding.Date, custom map[string]string, host time.Time) (at time.Time, source string) {
	return earliest(end{declared.End(), "declaration"}, end{customExpiry(custom), "vault"}, end{host, "host"})
}
