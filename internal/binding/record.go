package binding

import (
	"time"

	"reconciler/internal/message"
)

// Record is what was applied last for one binding. It is a cache: only the
// registry's answer counts as the truth. It contains no secret.
type Record struct {
	Instance string `json:"instance"`
	// Registry identifies the registry that the instance was then, as
	// plan.Instance.Registry does; empty in what an earlier version wrote.
	Registry string   `json:"registry,omitempty"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// AccountID, Username and Address are the registry's answer after the account
	// was bound or adopted. Asked is what was declared then: the registry may write
	// the same account in a different way.
	AccountID string  `json:"accountID,omitempty"`
	Username  string  `json:"username,omitempty"`
	Address   string  `json:"address,omitempty"`
	Asked     Account `json:"asked,omitzero"`
	// UserID is the code host's number for the account (HostUser.ID): the one seen
	// first, or the one declared since; empty if it is unknown.
	UserID string `json:"userID,omitempty"`
	// Written is when the account was bound or, for a record that is Removed,
	// unbound, by us or by somebody else. Unbound is the registry's number for the
	// account that we unbound before: a read that shows it is outdated.
	Written Write  `json:"written,omitzero"`
	Unbound string `json:"unbound,omitempty"`
	// UnboundBefore are the numbers of accounts that we unbound before that one: a
	// registry that shows writes late may show any of them.
	UnboundBefore []string `json:"unboundBefore,omitempty"`
	// Mistimed is true if the account that appeared after our bind may be somebody
	// else's, because its time does not fit the bind, or the time of the bind is
	// unknown. Its token is unknown then, so the account is bound again. The new
	// record stays Mistimed, and its account counts as ours whatever its time,
	// because the registry's clock may be wrong.
	Mistimed bool `json:"mistimed,omitempty"`
	// Vault, TokenVersion and TokenCreated identify the token that was applied. The
	// version alone does not: it starts from 1 again after a secret was permanently
	// deleted and created again. TokenVersion is 0 if the store has no versions;
	// then TokenFingerprint, a keyed HMAC, replaces it. TokenCreated is zero if it
	// is unknown.
	Vault            VaultRef  `json:"vault,omitzero"`
	TokenVersion     int       `json:"tokenVersion,omitempty"`
	TokenCreated     time.Time `json:"tokenCreated,omitzero"`
	TokenFingerprint string    `json:"tokenFingerprint,omitempty"`
	// Refused is the token that the registry rejected last, after which the
	// previous one was bound again. It prevents unbinding a working binding for the
	// same token again.
	Refused        Refusal        `json:"refused,omitzero"`
	DeletionPolicy DeletionPolicy `json:"deletionPolicy"`
	// Attested is who confirmed that the account is bound as recorded, and when;
	// nil if the registry showed it.
	Attested *Confirmation `json:"confirmed,omitempty"`
	// StepAsked is true once a person was asked to bind something else, or to unbind
	// the account, and the registry cannot be asked whether that was done. Then it is
	// unknown what is bound, also after the step is withdrawn, until a person
	// confirms it.
	StepAsked bool `json:"stepAsked,omitempty"`
	// Managed is true if the binding is ours: we made it or were allowed to adopt
	// it.
	Managed bool `json:"managed"`
	// Removed is true if we unbound the account for good. Such a record is not
	// Managed. It is kept while something that we made may be left.
	Removed bool `json:"removed,omitempty"`
	// Undeclared is true if the binding stayed when its declaration went, and was
	// not applied since. If it is declared again, only the account that we left
	// counts as ours, and a difference is no drift. See WithUndeclared.
	Undeclared bool `json:"undeclared,omitempty"`
	// Images are the image repositories that we linked, with the build rules
	// that we made, each sorted.
	Images []RecordedImage `json:"images,omitempty"`
	// File and Revision say which declaration was applied.
	File     string    `json:"file,omitempty"`
	Revision string    `json:"revision,omitempty"`
	Applied  time.Time `json:"applied,omitzero"`
}

// Confirmation is who confirmed something, and when.
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

// Identify returns the account with the recorded UserID, if the record is about the
// same account and no UserID is declared.
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

// RefusalLasts is how long a refused token is not tried again. A refusal can be
// wrong, or stop being true, and one try a day costs only one short interruption.
const RefusalLasts = 24 * time.Hour

// InForce reports whether a refusal still holds. A refusal without a time does not:
// an earlier version wrote it, also for rejections that were not about the token.
func (r Refusal) InForce(now time.Time) bool {
	return r.Version > 0 && !r.At.IsZero() && now.Before(r.At.Add(RefusalLasts))
}

// RefusalOf is the refusal of a version of the token that a spec declares; created
// is when that version was created. It is zero for a token without versions,
// because such a token can change unnoticed.
func RefusalOf(spec Spec, version int, created time.Time) Refusal {
	if spec.Token == nil || version <= 0 {
		return Refusal{}
	}
	return Refusal{
		Vault: spec.Token.Vault.Unpinned(), Version: version, Created: created,
		Username: spec.Username, Address: NormalAddress(spec.Address),
	}
}

// Is reports whether two refusals are about the same token and account. It is false
// for the zero Refusal.
func (r Refusal) Is(other Refusal) bool {
	if r.Version == 0 || MadeAnew(r.Created, other.Created) {
		return false
	}
	r.Created, other.Created = time.Time{}, time.Time{}
	r.At, other.At = time.Time{}, time.Time{}
	return r == other
}

// MadeAnew reports whether two versions with the same number belong to different
// secrets: they were created at different times, so the secret was permanently
// deleted and created again. If only one of the times is known, they count as
// different.
func MadeAnew(was, is time.Time) bool { return !was.Equal(is) }

// Intent is written before a call that is not idempotent, and removed when the
// outcome of the call is known. If an intent is found at start, an observation
// shows the outcome.
type Intent struct {
	Instance string   `json:"instance"`
	Binding  string   `json:"binding"`
	Platform Platform `json:"platform"`
	// Action and Object name what was begun, as in the plan.
	Action string `json:"action"`
	Object Object `json:"object"`
	// Record is the previous record; for a rebind it has the token version that
	// was bound.
	Record Record `json:"record"`
	// After is the record after the call has succeeded; the zero Record means that
	// no record will be left.
	After Record `json:"after,omitzero"`
	// Released is true for a bind if we unbound the previous account for it: if
	// the bind has no effect, we must complete it.
	Released bool `json:"letGo,omitempty"`
	// Unbinds is true for an intent of a rebind until the history has what became of
	// its first half, the unbind. Requests are the registry's IDs of that half, once
	// it is done.
	Unbinds  bool     `json:"unbinds,omitempty"`
	Requests []string `json:"requests,omitempty"`
	// Answered is true once the previous account is certainly unbound, so that the
	// account still has to be bound again. For a rebind, nothing was bound since.
	// For a bind, it had no effect during sync.settle.
	Answered bool `json:"answered,omitempty"`
	// Tries is how often a bind of this token was sent in a row without a clear
	// answer, this time included.
	Tries int `json:"tries,omitempty"`
	// Doubtful is true for a bind while an earlier bind with a different token may
	// still take effect, and for a bind that was sent at an unknown time. If an
	// account appears then, it is unknown which token it has.
	Doubtful bool `json:"doubtful,omitempty"`
	// Announced is true while the call has not been sent. Such an intent is written
	// before another call removes what this one will replace.
	Announced bool `json:"announced,omitempty"`
	// Earlier are previous writes of something else to the same image repository or
	// rule. They got no answer and may still take effect. Their own Earlier is
	// empty.
	Earlier []Intent `json:"earlier,omitempty"`
	// Link is the source that a create, link or relink writes.
	Link *Link `json:"link,omitempty"`
	// Rule is the build rule being written or removed.
	Rule ObservedRule `json:"rule,omitzero"`
	// TokenVersion and TokenFingerprint identify the token being applied.
	TokenVersion     int       `json:"tokenVersion,omitempty"`
	TokenFingerprint string    `json:"tokenFingerprint,omitempty"`
	Started          time.Time `json:"started"`
}

// HistoryEntry is one thing that was done.
type HistoryEntry struct {
	// Person is who asked for it; the zero Person if nobody did.
	Person
	Time     time.Time `json:"time"`
	Instance string    `json:"instance"`
	Binding  string    `json:"binding"`
	Action   string    `json:"action"`
	Object   Object    `json:"object"`
	Outcome  string    `json:"outcome"`
	// Message is what happened in words. Only entries of earlier versions and
	// entries shown as JSON have it. ID and Args are what happened as data.
	Message  string       `json:"message,omitempty"`
	ID       string       `json:"id,omitempty"`
	Args     message.Args `json:"args,omitempty"`
	Revision string       `json:"revision,omitempty"`
	Digest   string       `json:"digest,omitempty"`
	// Requests are the registry's IDs of the requests that it answered. Its
	// provider's support asks for them. It is empty if the registry gave none.
	Requests []string `json:"requests,omitempty"`
}

// WithMessage returns the entry with a message about what happened.
func (e HistoryEntry) WithMessage(what message.Message) HistoryEntry {
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
