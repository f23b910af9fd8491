package plan

import (
	"net/url"
	"strings"
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
	// Manual is a person's step in the console, because the driver cannot do it.
	Manual Kind = "manual"
	// Create creates an image repository with its source, and its namespace if that
	// is missing.
	Create     Kind = "create"
	Link       Kind = "link"
	Relink     Kind = "relink"
	Unlink     Kind = "unlink"
	AddRule    Kind = "add-rule"
	ChangeRule Kind = "change-rule"
	RemoveRule Kind = "remove-rule"
	// Adopt takes over an existing account, link or rule that is as declared: it
	// changes our memory and nothing else. If Target.Record has a different name
	// than the action, it takes over from that record, which is removed.
	Adopt Kind = "adopt"
	// Noop leaves an object unchanged: it is as declared, or the reason says why.
	Noop Kind = "noop"
	// Forbidden is an action that is needed and not allowed; the reason names the
	// rule.
	Forbidden Kind = "forbidden"
)

// Kinds lists all kinds of actions.
func Kinds() []Kind {
	return []Kind{Bind, Rebind, Unbind, Authorize, Manual, Create, Link, Relink, Unlink, AddRule, ChangeRule, RemoveRule, Adopt, Noop, Forbidden}
}

// Changes reports whether an action of this kind changes anything when applied.
func (k Kind) Changes() bool { return k != Noop && k != Forbidden }

// ByPerson reports whether a person has to do it.
func (k Kind) ByPerson() bool { return k == Authorize || k == Manual }

// Action is one step of a plan.
type Action struct {
	Instance string           `json:"instance"`
	Binding  string           `json:"binding"`
	Platform binding.Platform `json:"platform"`
	// Object is what the action is done to: the account, an image repository or a
	// build rule.
	Object binding.Object `json:"object"`
	Kind   Kind           `json:"action"`
	// Cause is why the action is in the plan.
	Cause Cause `json:"cause,omitempty"`
	// Reason is one sentence for a person.
	Reason message.Message `json:"-"`
	// Changes are the fields that change, sorted by field; no secret is ever
	// among them.
	Changes []Change `json:"changes,omitempty"`
	// Steps are the clicks for a person, or what else the plan promises (for a
	// rebind, what happens if the new token is refused).
	Steps []message.Message `json:"-"`
	// Safety is true if the action is forbidden for safety (exit code 5), and not
	// by any other rule.
	Safety bool `json:"safety,omitempty"`
	// NothingDue is true if the object is suspended and known to be as declared.
	NothingDue bool `json:"-"`
	// Since is when a person's step was first asked for, and Due when it should be
	// done; zero if that is unknown, or there is no deadline. They are not part of
	// the digest.
	Since time.Time `json:"-"`
	Due   time.Time `json:"-"`
	// Target is what applying the action needs. It follows from the same inputs,
	// and is not part of the output or of the digest.
	Target Target `json:"-"`
}

// NeedsWindow reports whether the action has to wait while windows are closed:
// whether it changes the instance. Adopting changes only our own memory. Two kinds
// of actions never wait: those that complete what we began and, if the windows
// allow it, those that restore what somebody removed.
func (a Action) NeedsWindow(w Windows) bool {
	if w.LetRepairsThrough && a.restores() {
		return false
	}
	return a.Kind.Changes() && a.Kind != Adopt && a.Cause != CauseUnfinished
}

// restores reports whether the action restores what somebody removed, without
// changing anything that exists.
func (a Action) restores() bool {
	return a.Repairs() && (a.Kind == Bind || a.Kind == Create || a.Kind == Link || a.Kind == AddRule)
}

// Target is what an applier needs to carry out an action.
type Target struct {
	// Declaration is nil for what is no longer declared.
	Declaration *binding.Declaration
	// Account is the observed account to unbind or adopt; nil if there is none.
	Account *binding.Account
	// Record is what was applied last; nil if nothing was.
	Record *binding.Record
	// TokenVersion is the version to bind. It is 0 if the store has no versions;
	// then TokenFingerprint is used.
	TokenVersion     int
	TokenCreated     time.Time
	TokenFingerprint string
	// Restore is true if a bind uses the version applied before, because binding
	// the declared one had no effect. The declared one stays due.
	Restore bool
	// Image, Link and Rule are what to write or remove; Rule.ID is empty for a rule
	// to add.
	Image string
	Link  *binding.Link
	Rule  binding.ObservedRule
	// Create is what the image repository is created with. NoNamespace is true if
	// its namespace has to be created first.
	Create      *binding.Creation
	NoNamespace bool
	// Unconfirmed is true if the source cannot be read. Then it is not remembered
	// until a person confirms it.
	Unconfirmed bool
}

// Remembered is the source to remember once the action is done; nil for none.
func (t Target) Remembered() *binding.Link {
	if t.Unconfirmed {
		return nil
	}
	return t.Link
}

// Plan has the actions, in the order in which they are applied, and findings. It
// never changes.
type Plan struct {
	Actions  []Action
	Findings []finding.Finding
	// Instances are the instances that the plan is for, sorted by name.
	Instances []Instance
}

// Input is all that a plan of one instance depends on.
type Input struct {
	// Now is the time to plan for; this package reads no clock.
	Now      time.Time
	Instance Instance
	// Declarations are those of this instance, in any order.
	Declarations []binding.Declaration
	// Broken are the files of the snapshot that could not be read, parsed or
	// validated. Bindings that they may declare are not changed, and nothing is
	// removed from the instance while there is one.
	Broken []string
	// Held is why the whole instance is not changed; zero if Broken only has files
	// that may declare something.
	Held message.Message
	// Declared is where the declarations of the whole snapshot send secrets.
	Declared binding.SecretTargets
	// Rewritten is true if the snapshot does not descend from the one applied last;
	// nothing is removed then.
	Rewritten bool
	// EmptySnapshot is true if the whole snapshot declares nothing.
	EmptySnapshot bool
	Observation   binding.Observation
	// Records are what was applied last on this instance.
	Records []binding.Record
	// SecretTargets are where secrets were sent last, on all instances.
	SecretTargets binding.SecretTargets
	// Intents are calls on this instance whose outcome is unknown. A binding that
	// is missing after one of them is our own unfinished work and not drift.
	Intents []binding.Intent
	// RetryStates are what is remembered about repairs and about people's steps on
	// this instance.
	RetryStates []binding.RetryState
	// Suspensions are the suspensions by persons on this instance, including those
	// that ended recently.
	Suspensions []binding.Suspension
	Policy      Policy
	// Windows say when the instance may be changed. They do not change the actions
	// of the plan, only whether it is reported that the plan has to wait.
	Windows Windows
	// Quotas limit what is created.
	Quotas Quotas
}

// Instance says where the actions of a plan go. A person's steps name it too.
type Instance struct {
	Name   string `json:"name"`
	Region string `json:"region,omitempty"`
	// Endpoint is the registry's address; empty for the default of the region.
	Endpoint string `json:"endpoint,omitempty"`
	// Driver is the registry driver that carries the actions out.
	Driver string `json:"driver,omitempty"`
	// Account names the vendor's account, if the configuration does.
	Account string `json:"account,omitempty"`
	// ID is the registry's identifier of the instance, if the driver needs one.
	ID string `json:"id,omitempty"`
	// Edition is empty for the Personal Edition.
	Edition binding.Edition `json:"edition,omitempty"`
	// WireProfile is the digest of the instance's wire profile; empty for the one
	// that is built in.
	WireProfile string `json:"wireProfile,omitempty"`
}

// Registry identifies the registry that an instance is, as far as the configuration
// shows. What was applied to one registry is not ours in another one of the same name.
// All the vendor's addresses of a region lead to the same registry. The keys of another
// account of the vendor lead to another one, which no configuration shows.
func (i Instance) Registry() string {
	parts := []string{string(i.Edition), i.Region}
	if i.Edition == binding.Enterprise {
		parts = append(parts, i.ID)
	}
	if u, err := url.Parse(i.Endpoint); err == nil && !strings.HasSuffix(u.Hostname(), ".aliyuncs.com") {
		parts = append(parts, u.Hostname())
	}
	return strings.Join(parts, "/")
}

// Policy is what the operator allows.
type Policy struct {
	// MaxDeletionPercent is the largest share of an instance's managed bindings
	// that may be removed at once. Fewer than MinDeletions may always be removed.
	// The defaults are 30 and 3.
	MaxDeletionPercent int
	MinDeletions       int
	// AllowDeletions allows deletions beyond the threshold, after a rewritten
	// history and by an empty snapshot.
	AllowDeletions bool
	// ExpiryWarnings are days before a token's end at which a finding is made;
	// default 30, 14, 7, 1.
	ExpiryWarnings []int
	// AllowAddressChangeWithSecret lets a token be sent to a different host than
	// the one it was applied with.
	AllowAddressChangeWithSecret bool
	// MaxRepairs is how many repairs of one object are made within RepairsWithin.
	// The next one is refused, because repairs do not last. The defaults are 5 and
	// an hour; with 0 repairs, there is no limit.
	MaxRepairs    int
	RepairsWithin time.Duration
	// PersonDeadline is how long a person's step may wait before it is overdue. The
	// default is a week; with 0, no step is ever overdue.
	PersonDeadline time.Duration
	// Settle is how long the registry may take to show a write. The default is 2
	// minutes; 0 means that it shows each write at once.
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
