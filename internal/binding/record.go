package binding

import (
	"time"

	"reconciler/internal/message"
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
	// UserID is the code host's number for the account (HostUser.ID): the one seen
	// first, or the one declared since; empty where it is unknown.
	UserID string `json:"userID,omitempty"`
	// Written is when the account was bound or, for a record that is Removed,
	// unbound, by us or somebody else. Unbound is the registry's number for the account that we unbound
	// before: a read that shows that one is an old one.
	Written Write  `json:"written,omitzero"`
	Unbound string `json:"unbound,omitempty"`
	// UnboundBefore are the numbers of accounts that we unbound before that one: a
	// registry that shows writes late may show any of them.
	UnboundBefore []string `json:"unboundBefore,omitempty"`
	// Mistimed says that the account of our bind was first shown later than the bind,
	// and with another time: it may be somebody else's, so that its token is not known.
	// It stays for the bind that settles this, whose account is believed whatever its
	// time, because the registry's clock may be wrong.
	Mistimed bool `json:"mistimed,omitempty"`
	// Vault, TokenVersion and TokenCreated identify the token that was applied:
	// the versions of a secret that was permanently deleted and created again
	// start from 1. TokenVersion is 0 if the store has no versions; then
	// TokenFingerprint, a keyed HMAC, replaces it. TokenCreated is zero if it
	// is unknown.
	Vault            VaultRef  `json:"vault,omitzero"`
	TokenVersion     int       `json:"tokenVersion,omitempty"`
	TokenCreated     time.Time `json:"tokenCreated,omitzero"`
	TokenFingerprint string    `json:"tokenFingerprint,omitempty"`
	// Refused is the token that the registry rejected last, after which the
	// previous one was bound again. It prevents that a working binding is
	// unbound for the same token again.
	Refused        Refusal        `json:"refused,omitzero"`
	DeletionPolicy DeletionPolicy `json:"deletionPolicy"`
	// Attested is who said that the account is bound as it is recorded, and
	// when; nil where the registry said so.
	Attested *Confirmation `json:"confirmed,omitempty"`
	// Managed says that the binding is ours: we made it or were allowed to
	// adopt it.
	Managed bool `json:"managed"`
	// Removed says that we unbound the account for good. Such a record is not
	// Managed. It is kept while something that we made may be left.
	Removed bool `json:"removed,omitempty"`
	// Images are the image repositories that we linked, with the build rules
	// that we made, each sorted.
	Images []RecordedImage `json:"images,omitempty"`
	// File and Revision say which declaration was applied.
	File     string    `json:"file,omitempty"`
	Revision string    `json:"revision,omitempty"`
	Applied  time.Time `json:"applied,omitzero"`
}

// Confirmation is a person's word.
type Confirmation struct {
	Person
	At time.Time `json:"at"`
}

// Wanted is the account that was declared when the record was made.
func (r Record) Wanted() Account {
	if r.Asked != (Account{}) {
		return r.Asked
	}
	return Account{ID: r.AccountID, Platform: r.Platform, Username: r.Username, Address: r.Address}
}

// Identify gives an account the number that it is recorded with, if the record is
// of that account and no number is declared.
func (r *Record) Identify(a Account) Account {
	if r != nil && a.UserID == "" && r.Platform == a.Platform && SameAccount(r.Wanted(), a) {
		a.UserID = r.UserID
	}
	return a
}

// Refusal is a token that was refused, and the account that it was to bind.
// The zero Refusal is none.
type Refusal struct {
	Vault    VaultRef  `json:"vault"`
	Version  int       `json:"version"`
	Created  time.Time `json:"created,omitzero"`
	Username string    `json:"username,omitempty"`
	Address  string    `json:"address,omitempty"`
	// At is when it was refused; zero in a record of an earlier version.
	At time.Time `json:"at,omitzero"`
}

// RefusalLasts is how long a refusal keeps a token from being tried again: a
// verdict can be wrong, or cease to be true, and one try a day costs one short
// interruption.
const RefusalLasts = 24 * time.Hour

// InForce says whether a refusal still holds. One without a time does not: an
// earlier version of this program noted it, also for a "no" that was not about
// the token.
func (r Refusal) InForce(now time.Time) bool {
	return r.Version > 0 && !r.At.IsZero() && now.Before(r.At.Add(RefusalLasts))
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
	r.At, other.At = time.Time{}, time.Time{}
	return r == other
}

// MadeAnew reports whether two versions with the same number belong to
// different secrets: they were created at different times, so the secret was
// permanently deleted and created again. Where only one of the times is known
// they cannot be compared, and count as different.
func MadeAnew(was, is time.Time) bool { return !was.Equal(is) }

// Intent is written before a call that is not idempotent and removed when its
// outcome is known. One found at start is answered by observing.
type Intent struct {
	Instance string   `json:"instance"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// Action and Object are the plan's words for what was begun.
	Action string `json:"action"`
	Object Object `json:"object"`
	// Record is the previous record; for a rebind it has the token version that
	// was bound.
	Record Record `json:"record"`
	// After is the record as it will be once the call is done; the zero Record
	// means that none will be left.
	After Record `json:"after,omitzero"`
	// Released is true for a bind if we unbound the previous account for it: if
	// the bind has no effect, we must complete it.
	Released bool `json:"letGo,omitempty"`
	// Answered is true once the previous account is certainly unbound, so that the
	// account has yet to be bound again: of a rebind because nothing was bound
	// since, of a bind because it had no effect for sync.settle.
	Answered bool `json:"answered,omitempty"`
	// Tries is how often a bind of this token was sent in a row without a clear
	// answer, this time included.
	Tries int `json:"tries,omitempty"`
	// Doubtful is true for a bind while an earlier bind of another token may still
	// have its effect, and for one that was sent at an unknown time: it is not known
	// which token an account has that appears.
	Doubtful bool `json:"doubtful,omitempty"`
	// Announced is true while nothing was sent: the intent was written before another
	// write took something away for this one.
	Announced bool `json:"announced,omitempty"`
	// Earlier are writes of something else to the same image repository or rule, begun
	// before and without an answer, that may have their effect still. They have no
	// Earlier themselves.
	Earlier []Intent `json:"earlier,omitempty"`
	// Link is the source being written, of a create, link or relink.
	Link *Link `json:"link,omitempty"`
	// Rule is the build rule being written or removed.
	Rule ObservedRule `json:"rule,omitzero"`
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
	// Message says in words what happened, in entries of earlier versions and
	// where an entry is shown as JSON. ID and Args are what happened as data.
	Message  string       `json:"message,omitempty"`
	ID       string       `json:"id,omitempty"`
	Args     message.Args `json:"args,omitempty"`
	Revision string       `json:"revision,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	// Requests are the registry's own names of the requests that it answered, for
	// its provider's support; none if it gave none.
	Requests []string `json:"requests,omitempty"`
}

// Saying is the entry with what happened.
func (e HistoryEntry) Saying(what message.Message) HistoryEntry {
	e.ID, e.Args = what.ID, what.Args
	return e
}

// ReasonMadeAnew is why the version applied last is no longer available: the
// secret was permanently deleted and created again.
const ReasonMadeAnew = "MadeAnew"

// AppliedToken is the reference to the token version that was applied last.
func (r Record) AppliedToken() VaultRef {
	ref := r.Vault.Unpinned()
	ref.Version = r.TokenVersion
	return ref
}

// TokenMadeAnew says why that version of the token is not available.
func TokenMadeAnew(version int) message.Message {
	return message.New("token.made-anew", "version", version)
}
