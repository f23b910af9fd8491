package binding

import "time"

// Record is what was applied last for one binding: the daemon's memory, a
// cache and never the truth. It holds no secret.
type Record struct {
	Instance string   `json:"instance"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// AccountID, Username and Address are the registry's answer after the
	// binding was made or adopted.
	AccountID string `json:"accountID,omitempty"`
	Username  string `json:"username,omitempty"`
	Address   string `json:"address,omitempty"`
	// Vault and TokenVersion say which token was applied. TokenVersion is 0
	// where the store has none; then TokenFingerprint, a keyed HMAC, stands
	// in.
	Vault            VaultRef `json:"vault,omitzero"`
	TokenVersion     int      `json:"tokenVersion,omitempty"`
	TokenFingerprint string   `json:"tokenFingerprint,omitempty"`
	// RefusedVersion is the newest token version that the registry or the code
	// host refused, so that it is not tried again until a newer one exists.
	RefusedVersion int            `json:"refusedVersion,omitempty"`
	DeletionPolicy DeletionPolicy `json:"deletionPolicy"`
	// Managed says that the binding is ours: we made it or were allowed to
	// adopt it.
	Managed bool `json:"managed"`
	// Images are the image repositories that we linked, with the keys of the
	// build rules that we made, each sorted.
	Images []RecordedImage `json:"images,omitempty"`
	// File and Revision say which declaration was applied.
	File     string    `json:"file,omitempty"`
	Revision string    `json:"revision,omitempty"`
	Applied  time.Time `json:"applied,omitzero"`
}

// RecordedImage is an image repository that we linked.
type RecordedImage struct {
	Image    string   `json:"image"`
	RuleKeys []string `json:"ruleKeys,omitempty"`
}

// Intent is written before a call that is not idempotent and removed when its
// outcome is known. One found at start is answered by observing.
type Intent struct {
	Instance string   `json:"instance"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// Action and Object are the plan's words for what was begun.
	Action string `json:"action"`
	Object string `json:"object"`
	// Record is the record as it was before; of a rebind it tells which token
	// version was bound.
	Record Record `json:"record"`
	// TokenVersion and TokenFingerprint are those being applied.
	TokenVersion     int       `json:"tokenVersion,omitempty"`
	TokenFingerprint string    `json:"tokenFingerprint,omitempty"`
	Started          time.Time `json:"started"`
}

// Event is one thing that was done, for the history.
type Event struct {
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Binding  string    `json:"binding"`
	Action   string    `json:"action"`
	Object   string    `json:"object"`
	Outcome  string    `json:"outcome"`
	Message  string    `json:"message,omitempty"`
	Revision string    `json:"revision,omitempty"`
	Digest   string    `json:"digest,omitempty"`
}
