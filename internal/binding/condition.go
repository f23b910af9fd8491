package binding

import (
	"time"

	"reconciler/internal/message"
)

// ConditionType is what a condition is about.
type ConditionType string

// Condition types, in the order that people read them.
const (
	// Ready: everything is as declared, and nothing is waiting for a person.
	Ready ConditionType = "Ready"
	// Declared: a valid file declares the binding.
	Declared ConditionType = "Declared"
	// SecretAvailable: the secret store has the declared token.
	SecretAvailable ConditionType = "SecretAvailable"
	// TokenValid: the code host accepts the token, and it has the required scopes and
	// the declared owner.
	TokenValid ConditionType = "TokenValid"
	// TokenFresh: the declared token is bound, and it stays valid for longer than the
	// longest of expiryWarnings.
	TokenFresh ConditionType = "TokenFresh"
	// AccountAllowed: according to the code host, the account may be bound. A binding
	// without a token has it instead of the three above.
	AccountAllowed ConditionType = "AccountAllowed"
	// Reachable: the code host answers, and its site meets the needs of the product.
	Reachable ConditionType = "Reachable"
	// Bound: the registry is bound to the declared account.
	Bound ConditionType = "Bound"
	// RepositoriesLinked: every declared image repository builds from its source.
	RepositoriesLinked ConditionType = "RepositoriesLinked"
	// RulesCurrent: every declared build rule exists as declared, and no other
	// rule builds its image tag.
	RulesCurrent ConditionType = "RulesCurrent"
	// Contested: somebody else undoes each repair, so drift is no longer repaired.
	Contested ConditionType = "Contested"
	// AwaitingAuthorization: a person has to authorize the account in a browser. Only for
	// a binding by OAuth.
	AwaitingAuthorization ConditionType = "AwaitingAuthorization"
	// Suspended: the declaration or a person suspends the binding. Only while one does.
	Suspended ConditionType = "Suspended"
	// WindowOpen: the instance may be changed now. Only if the instance has windows.
	WindowOpen ConditionType = "WindowOpen"
	// CredentialsAccepted: the registry and the secret store accept our credentials. Of
	// an instance, not of a binding.
	CredentialsAccepted ConditionType = "CredentialsAccepted"
	// EditionAgreed: the configuration and instances.yaml agree on the edition. Of
	// an instance, and only while they do not.
	EditionAgreed ConditionType = "EditionAgreed"
)

// GoodIfTrue reports whether True is the desired status of the condition.
func (t ConditionType) GoodIfTrue() bool {
	switch t {
	case Contested, AwaitingAuthorization, Suspended, WindowOpen:
		return false
	default:
		return true
	}
}

// ConditionStatus is True, False or Unknown (the Kubernetes conventions).
type ConditionStatus string

// Condition statuses.
const (
	True    ConditionStatus = "True"
	False   ConditionStatus = "False"
	Unclear ConditionStatus = "Unknown"
)

// Condition is one aspect of a binding's current state.
type Condition struct {
	Type   ConditionType
	Status ConditionStatus
	// Reason is a CamelCase word that programs may branch on.
	Reason string
	// LastKnown is true if there is no answer now and Status is the last one known.
	LastKnown bool
	// KnownReason is the reason for Status when there was last an answer; empty if
	// there is an answer now.
	KnownReason string
	// Known is when an answer last confirmed Status; zero if none ever did.
	Known time.Time
	// Refused are the source projects that their code host rejects, if Status is
	// False, or was last known to be False, because of them. Otherwise it is empty.
	Refused []string
	// Message is for a person: what is wrong and what to do.
	Message message.Message
	// LastTransitionTime is when Status last changed.
	LastTransitionTime time.Time
}

// SetCondition adds c to conditions, or replaces the condition of its type. It
// keeps the time of the last transition if the status did not change.
func SetCondition(conditions []Condition, c Condition) []Condition {
	for i, old := range conditions {
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		conditions[i] = c
		return conditions
	}
	return append(conditions, c)
}

// FindCondition returns the condition of type t, or nil.
func FindCondition(conditions []Condition, t ConditionType) *Condition {
	for i := range conditions {
		if conditions[i].Type == t {
			return &conditions[i]
		}
	}
	return nil
}

// Status is what `get` shows about one binding.
type Status struct {
	Name       string      `json:"name"`
	File       string      `json:"file,omitempty"`
	Revision   string      `json:"revision,omitempty"`
	Spec       Spec        `json:"spec"`
	Conditions []Condition `json:"-"`
	// Steps are what a person has to do; empty if there is nothing to do.
	Steps []message.Message `json:"-"`
	// Pending are the same steps, grouped by object.
	Pending []PendingStep `json:"-"`
	// Retry is set if the last try failed; nil otherwise.
	Retry *Retry `json:"retry,omitempty"`
	// TokenVersion is the version of the bound token, and TokenExpires its earliest
	// known end; zero if no token is bound, or that is unknown.
	TokenVersion int       `json:"tokenVersion,omitempty"`
	TokenExpires time.Time `json:"tokenExpires,omitzero"`
	LastSync     time.Time `json:"lastSync,omitzero"`
	// Earlier is the status of the previous declaration, as long as we do not know
	// that the registry has changed since; nil otherwise.
	Earlier *Status `json:"-"`
}

// Retry is how often something failed in a row, and when it is tried again.
type Retry struct {
	Failures int       `json:"failures"`
	Next     time.Time `json:"next"`
}

// PendingStep is what a person has to do to one object.
type PendingStep struct {
	// Object and Action are named as in the plan. Reason is one sentence.
	Object Object
	Action string
	Reason message.Message
	// Since is when it was first asked for, and Due when it should be done;
	// zero if there is no deadline.
	Since time.Time
	Due   time.Time
	// Overdue is true if Due has passed.
	Overdue bool
	Steps   []message.Message
}
