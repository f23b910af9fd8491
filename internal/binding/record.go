package binding

import (
	"fmt"
	"time"
)

// Record is what was applied last for one binding: the daemon's memory, a
// cache and never the truth. It holds no secret.
type Record struct {
	Instance string   `json:"instance"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// AccountID, Username and Address are the registry's answer after the
	// binding was made or adopted, and Asked is what was declared then: the
	// registry may write the same account another way.
	AccountID string  `json:"accountID,omitempty"`
	Username  string  `json:"username,omitempty"`
	Address   string  `json:"address,omitempty"`
	Asked     Account `json:"asked,omitzero"`
	// Vault, TokenVersion and TokenCreated say which token was applied: a
	// secret that was deleted for good and made anew counts from 1 again.
	// TokenVersion is 0 where the store has none; then TokenFingerprint, a
	// keyed HMAC, stands in. TokenCreated is zero where it is not known.
	Vault            VaultRef  `json:"vault,omitzero"`
	TokenVersion     int       `json:"tokenVersion,omitempty"`
	TokenCreated     time.Time `json:"tokenCreated,omitzero"`
	TokenFingerprint string    `json:"tokenFingerprint,omitempty"`
	// Refused is what the registry refused last while the token before it was
	// bound again, so that a working binding is not let go for it once more.
	Refused        Refusal        `json:"refused,omitzero"`
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

// Wanted is the account that was declared when the record was made.
func (r Record) Wanted() Account {
	if r.Asked != (Account{}) {
		return r.Asked
	}
	return Account{ID: r.AccountID, Platform: r.Platform, Username: r.Username, Address: r.Address}
}

// Refusal is a token that was refused, and the account that it was to bind.
// The zero Refusal is none.
type Refusal struct {
	Vault    VaultRef  `json:"vault"`
	Version  int       `json:"version"`
	Created  time.Time `json:"created,omitzero"`
	Username string    `json:"username,omitempty"`
	Address  string    `json:"address,omitempty"`
}

// RefusalOf is the refusal of a version, made at a time, of what a spec
// declares; none for a token without versions, which can change unseen.
func RefusalOf(spec Spec, version int, created time.Time) Refusal {
	if spec.Token == nil || version <= 0 {
		return Refusal{}
	}
	return Refusal{
		Vault: spec.Token.Vault.Unpinned(), Version: version, Created: created,
		Username: spec.Username, Address: NormalAddress(spec.Address),
	}
}

// Is says whether two refusals are of one token and account. None is none.
func (r Refusal) Is(other Refusal) bool {
	if r.Version == 0 || MadeAnew(r.Created, other.Created) {
		return false
	}
	r.Created, other.Created = time.Time{}, time.Time{}
	return r == other
}

// MadeAnew says that two versions of one number are of different secrets: one
// was deleted for good and made anew, for they were made at different times. A
// time that is not known (zero) says nothing.
func MadeAnew(was, is time.Time) bool {
	return !was.IsZero() && !is.IsZero() && !was.Equal(is)
}

// RecordedImage is an image repository that we linked.
type RecordedImage struct {
	Image    string   `json:"image"`
	RuleKeys []string `json:"ruleKeys,omitempty"`
	// Link and Dockerfiles (by rule key) are what was written last, so that
	// drift can be told from a changed declaration; absent where it is not
	// known.
	Link        *Link             `json:"link,omitempty"`
	Dockerfiles map[string]string `json:"dockerfiles,omitempty"`
}

// Intent is written before a call that is not idempotent and removed when its
// outcome is known. One found at start is answered by observing.
type Intent struct {
	Instance string   `json:"instance"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// Action and Object are the plan's words for what was begun.
	Action string `json:"action"`
	Object Object `json:"object"`
	// Record is the record as it was before; of a rebind it tells which token
	// version was bound.
	Record Record `json:"record"`
	// After is the record as it will be once the call is done; the zero Record
	// means that none will be left.
	After Record `json:"after,omitzero"`
	// LetGo says of a bind that we let the account before it go ourselves, so
	// that without its effect there is something of ours to end.
	LetGo bool `json:"letGo,omitempty"`
	// Link is the source being written, of a link or relink.
	Link *Link `json:"link,omitempty"`
	// TokenVersion and TokenFingerprint are those being applied.
	TokenVersion     int       `json:"tokenVersion,omitempty"`
	TokenFingerprint string    `json:"tokenFingerprint,omitempty"`
	Started          time.Time `json:"started"`
}

// HistoryEntry is one thing that was done.
type HistoryEntry struct {
	// Person is who asked for it; the zero Person where it was done without
	// one.
	Person
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Binding  string    `json:"binding"`
	Action   string    `json:"action"`
	Object   Object    `json:"object"`
	Outcome  string    `json:"outcome"`
	Message  string    `json:"message,omitempty"`
	Revision string    `json:"revision,omitempty"`
	Digest   string    `json:"digest,omitempty"`
}

// ReasonMadeAnew is why the version applied last cannot be had any more: the
// secret was deleted for good and made anew.
const ReasonMadeAnew = "MadeAnew"

// AppliedToken is the reference to the token version that was applied last.
func (r Record) AppliedToken() VaultRef {
	ref := r.Vault.Unpinned()
	ref.Version = r.TokenVersion
	return ref
}

// MadeAnewText says why that version of the token cannot be had.
func MadeAnewText(version int) string {
	return fmt.Sprintf("the secret was deleted for good and made anew: its version %d is another token", version)
}
