package plan

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Kind is what an action does.
type Kind string

// Action kinds.
const (
	Bind   Kind = "bind"
	Rebind Kind = "rebind"
	Unbind Kind = "unbind"
	// Authorize is a person's step in a browser (OAuth).
	Authorize Kind = "authorize"
	// Manual is a person's step in the console, where the driver cannot.
	Manual Kind = "manual"
	// Create makes an image repository with its source, and a missing namespace.
	Create     Kind = "create"
	Link       Kind = "link"
	Relink     Kind = "relink"
	Unlink     Kind = "unlink"
	AddRule    Kind = "add-rule"
	ChangeRule Kind = "change-rule"
	RemoveRule Kind = "remove-rule"
	// Adopt takes an existing binding, link or rule, equal to its declaration,
	// as ours: it writes our memory and nothing else. Where Target.Record has
	// a different name than the action, ownership moves and the old record goes.
	Adopt Kind = "adopt"
	// Noop is a binding as declared, or one kept as it is for the reason
	// given.
	Noop Kind = "noop"
	// Forbidden would be needed and is not allowed; the reason names the rule.
	Forbidden Kind = "forbidden"
)

// Kinds are all kinds of actions.
func Kinds() []Kind {
	return []Kind{Bind, Rebind, Unbind, Authorize, Manual, Create, Link, Relink, Unlink, AddRule, ChangeRule, RemoveRule, Adopt, Noop, Forbidden}
}

// Changes says whether an action of this kind changes anything when applied.
func (k Kind) Changes() bool { return k != Noop && k != Forbidden }

// ByPerson says whether a person has to do it.
func (k Kind) ByPerson() bool { return k == Authorize || k == Manual }

// Action is one step of a plan.
type Action struct {
	Instance string           `json:"instance"`
	Binding  string           `json:"binding"`
	Platform binding.Platform `json:"platform"`
	// Object is what it is done to: the account, an image repository or a build
	// rule.
	Object binding.Object `json:"object"`
	Kind   Kind           `json:"action"`
	// Cause is why the action is in the plan.
	Cause Cause `json:"cause,omitempty"`
	// Reason is one sentence for a person.
	Reason message.Message `json:"-"`
	// Changes are the fields that change, sorted by field; no secret is ever
	// among them.
	Changes []Change `json:"changes,omitempty"`
	// Steps are a person's clicks and where, or what the plan promises to do
	// besides (for a rebind, the way back).
	Steps []message.Message `json:"-"`
	// Safety says that a forbidden action was refused for safety (exit code
	// 5) rather than by a rule of ownership.
	Safety bool `json:"safety,omitempty"`
	// NothingDue says that what is suspended is known to be as declared.
	NothingDue bool `json:"-"`
	// Since is when a person's step was first asked for, and Due when it should
	// be done; zero where that is not known, or there is no deadline.
	// They are no part of the digest.
	Since time.Time `json:"-"`
	Due   time.Time `json:"-"`
	// Target is what applying needs; it is derived from the same inputs and
	// not part of the output or of the digest.
	Target Target `json:"-"`
}

// NeedsWindow says whether the action has to wait while windows are closed: whether it
// changes the instance, other than to end what we began or, where the windows
// let that through, to put back what somebody took away. Adopting changes our
// own memory only.
func (a Action) NeedsWindow(w Windows) bool {
	if w.LetRepairsThrough && a.restores() {
		return false
	}
	return a.Kind.Changes() && a.Kind != Adopt && a.Cause != CauseUnfinished
}

// restores says whether the action puts back what somebody took away and leaves
// what is there as it is.
func (a Action) restores() bool {
	return a.Repairs() && (a.Kind == Bind || a.Kind == Create || a.Kind == Link || a.Kind == AddRule)
}

// Target is what an applier needs to carry out an action.
type Target struct {
	// Declaration is nil for what is no longer declared.
	Declaration *binding.Declaration
	// Account is the observed binding to release or adopt; nil if there is none.
	Account *binding.Account
	// Record is what was applied last; nil if nothing was.
	Record *binding.Record
	// TokenVersion is the one to bind, 0 where the store has no versions;
	// TokenFingerprint is used then.
	TokenVersion     int
	TokenCreated     time.Time
	TokenFingerprint string
	// Restore says that a bind binds the version applied before, because
	// that of the target had no effect: the latter stays due.
	Restore bool
	// Image, Link and Rule are those to write or remove; Rule.ID is empty for
	// one to add.
	Image string
	Link  *binding.Link
	Rule  binding.ObservedRule
	// Create is what the image repository is made with, NoNamespace that its
	// namespace is made before.
	Create      *binding.Creation
	NoNamespace bool
	// Unconfirmed says that the source cannot be read: it is not remembered until
	// a person confirms it.
	Unconfirmed bool
}

// Remembered is the source to remember once the action is done; nil for none.
func (t Target) Remembered() *binding.Link {
	if t.Unconfirmed {
		return nil
	}
	return t.Link
}

// Plan is a value: actions in the order they are applied, and findings.
type Plan struct {
	Actions  []Action
	Findings []finding.Finding
	// Instances are those that the plan is for, sorted by name.
	Instances []Instance
}

// Input is all that a plan of one instance depends on.
type Input struct {
	// Now is the given time; a plan has no clock.
	Now      time.Time
	Instance Instance
	// Declarations are those of this instance, in any order.
	Declarations []binding.Declaration
	// Broken are the files of the snapshot that could not be read, parsed or
	// validated. Their bindings stay as they are, and nothing is removed from
	// the instance while there is one.
	Broken []string
	// Held is why the whole instance stays as it is, by Broken; zero if it is only
	// that one of them may declare something.
	Held message.Message
	// Declared is where the declarations of the whole snapshot send secrets.
	Declared binding.SecretTargets
	// Rewritten says that the snapshot does not descend from the one applied
	// last; nothing is removed then.
	Rewritten bool
	// EmptySnapshot says that the whole snapshot declares nothing.
	EmptySnapshot bool
	Observation   binding.Observation
	// Records are what was applied last on this instance.
	Records []binding.Record
	// SecretTargets are where secrets were sent last, on all instances.
	SecretTargets binding.SecretTargets
	// Intents are calls on this instance whose outcome nobody knows. Under one,
	// a binding that is gone is our own unfinished work and not drift.
	Intents []binding.Intent
	// RetryStates are what is remembered of repairs and of people's steps on this
	// instance.
	RetryStates []binding.RetryState
	// Suspensions are what persons suspend on this instance, or did until
	// recently.
	Suspensions []binding.Suspension
	Policy      Policy
	// Windows say when the instance may be changed. They change no action,
	// only whether the plan is reported to wait.
	Windows Windows
	// Quotas bound what is created.
	Quotas Quotas
}

// Instance says where the actions of a plan go. A person's steps name it too.
type Instance struct {
	Name   string `json:"name"`
	Region string `json:"region,omitempty"`
	// Endpoint is the registry's address; empty for the region's own.
	Endpoint string `json:"endpoint,omitempty"`
	// Driver is the registry driver that carries the actions out.
	Driver string `json:"driver,omitempty"`
	// Account names the vendor's account, as far as the configuration says.
	Account string `json:"account,omitempty"`
	// ID is the registry's identifier of the instance, if the driver needs one.
	ID string `json:"id,omitempty"`
	// Edition is empty for the Personal Edition.
	Edition binding.Edition `json:"edition,omitempty"`
	// WireProfile is the digest of the instance's wire profile; empty for the one
	// that is built in.
	WireProfile string `json:"wireProfile,omitempty"`
}

// Policy is what the operator allows.
type Policy struct {
	// MaxDeletionPercent and MinDeletions: removing more than that share of an
	// instance's managed bindings stops and asks, once it is at least
	// MinDeletions of them. Defaults 30 and 3.
	MaxDeletionPercent int
	MinDeletions       int
	// AllowDeletions lets deletions beyond the threshold, after a rewritten
	// history or by an empty snapshot through.
	AllowDeletions bool
	// ExpiryWarnings are days before a token's end at which a finding is made;
	// default 30, 14, 7, 1.
	ExpiryWarnings []int
	// AllowAddressChangeWithSecret lets a token be sent to a different host than
	// the one it was applied with.
	AllowAddressChangeWithSecret bool
	// MaxRepairs of one object within RepairsWithin are made; the next is
	// refused, because they do not last. Defaults 5 and an hour; with 0 of them,
	// repairs never end.
	MaxRepairs    int
	RepairsWithin time.Duration
	// PersonDeadline is how long a person's step may wait before it is overdue.
	// Default a week; with 0, none is.
	PersonDeadline time.Duration
	// Settle is how long the registry may take to show a write. Default 2
	// minutes; with 0, it shows each one at once.
	Settle time.Duration
	// StatusMaxAge is how long the last known status of a condition stays while
	// there is no answer. With 0 it stays forever.
	StatusMaxAge time.Duration
}

// DefaultPolicy is the policy of a daemon without configuration.
func DefaultPolicy() Policy {
	return Policy{
		MaxDeletionPercent: 30, MinDeletions: 3, ExpiryWarnings: []int{30, 14, 7, 1},
		MaxRepairs: 5, RepairsWithin: time.Hour, PersonDeadline: 7 * 24 * time.Hour, Settle: 2 * time.Minute,
	}
}
