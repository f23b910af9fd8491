package binding

import "time"

// ConditionType names what a condition speaks of.
type ConditionType string

// Condition types, in the order that people read them.
const (
	// Ready: everything is as declared, and nothing waits for anybody.
	Ready ConditionType = "Ready"
	// Declared: the binding is declared in a file that can be used.
	Declared ConditionType = "Declared"
	// SecretAvailable: the secret store tells of the declared token.
	SecretAvailable ConditionType = "SecretAvailable"
	// TokenValid: the code host accepts the token, with the scopes and the owner that
	// it is to have.
	TokenValid ConditionType = "TokenValid"
	// TokenFresh: the token that is bound is the one meant, and lasts longer than the
	// longest of expiryWarnings.
	TokenFresh ConditionType = "TokenFresh"
	// AccountAllowed: the code host says that the account may be bound. In the place of
	// the three before where a binding has no token.
	AccountAllowed ConditionType = "AccountAllowed"
	// Reachable: the code host answers, and its site is as the product needs it.
	Reachable ConditionType = "Reachable"
	// Bound: the registry is bound to the declared account.
	Bound ConditionType = "Bound"
	// RepositoriesLinked: every declared image repository builds from its source.
	RepositoriesLinked ConditionType = "RepositoriesLinked"
	// RulesCurrent: every declared build rule is there as declared.
	RulesCurrent ConditionType = "RulesCurrent"
	// Contested: somebody else undoes what is repaired, so that it is not repaired any
	// more.
	Contested ConditionType = "Contested"
	// AwaitingAuthorization: a person has to authorize the account in a browser. Only where
	// a binding is made by OAuth.
	AwaitingAuthorization ConditionType = "AwaitingAuthorization"
	// Suspended: the declaration or a person holds the binding still. Only where one does.
	Suspended ConditionType = "Suspended"
	// WindowOpen: the instance may be changed now. Only where the instance has windows.
	WindowOpen ConditionType = "WindowOpen"
)

// ConditionStatus is True, False or Unknown (the Kubernetes conventions).
type ConditionStatus string

// Condition statuses.
const (
	True    ConditionStatus = "True"
	False   ConditionStatus = "False"
	Unclear ConditionStatus = "Unknown"
)

// Condition is what holds of a binding now.
type Condition struct {
	Type   ConditionType   `json:"type"`
	Status ConditionStatus `json:"status"`
	// Reason is a CamelCase word that programs may branch on.
	Reason string `json:"reason"`
	// Message is for a person and says what to do.
	Message string `json:"message"`
	// LastTransitionTime is when Status last changed.
	LastTransitionTime time.Time `json:"lastTransitionTime"`
}

// SetCondition puts c among conditions, keeping the time of the last
// transition when the status did not change, and returns them in the order of
// the condition types above.
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

// Status is what `get` shows of one binding.
type Status struct {
	Name       string      `json:"name"`
	File       string      `json:"file,omitempty"`
	Revision   string      `json:"revision,omitempty"`
	Spec       Spec        `json:"spec"`
	Conditions []Condition `json:"conditions"`
	// Steps are what a person has to do; empty if nothing.
	Steps []string `json:"steps,omitempty"`
	// Waiting are the same steps, by what they are done to.
	Waiting []Waiting `json:"waiting,omitempty"`
	// Retry is what failed and is tried again; nil if nothing failed last.
	Retry *Retry `json:"retry,omitempty"`
	// TokenVersion is the version of the token applied last, and TokenExpires
	// the earliest end known.
	TokenVersion int       `json:"tokenVersion,omitempty"`
	TokenExpires time.Time `json:"tokenExpires,omitzero"`
	LastSync     time.Time `json:"lastSync,omitzero"`
}

// Retry says how often something failed in a row, and when it is tried again.
type Retry struct {
	Failures int       `json:"failures"`
	Next     time.Time `json:"next"`
}

// Waiting is what a person has to do to one object.
type Waiting struct {
	// Object and Action are the plan's words, Reason is one sentence.
	Object Object `json:"object"`
	Action string `json:"action"`
	Reason string `json:"reason"`
	// Since is when it was first asked for, and Due when it should be done;
	// zero where there is no deadline.
	Since time.Time `json:"since"`
	Due   time.Time `json:"due,omitzero"`
	// Overdue says that Due has passed.
	Overdue bool     `json:"overdue,omitempty"`
	Steps   []string `json:"steps"`
}
