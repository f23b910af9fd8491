package binding

import "time"

// ConditionType names what a condition speaks of.
type ConditionType string

// Condition types, in the order that people read them.
const (
	Ready                 ConditionType = "Ready"
	Declared              ConditionType = "Declared"
	SecretAvailable       ConditionType = "SecretAvailable"
	TokenValid            ConditionType = "TokenValid"
	TokenFresh            ConditionType = "TokenFresh"
	AccountAllowed        ConditionType = "AccountAllowed"
	Reachable             ConditionType = "Reachable"
	Bound                 ConditionType = "Bound"
	RepositoriesLinked    ConditionType = "RepositoriesLinked"
	RulesCurrent          ConditionType = "RulesCurrent"
	Contested             ConditionType = "Contested"
	AwaitingAuthorization ConditionType = "AwaitingAuthorization"
	Suspended             ConditionType = "Suspended"
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
	// TokenVersion is the version of the token applied last, and TokenExpires
	// the earliest end known.
	TokenVersion int       `json:"tokenVersion,omitempty"`
	TokenExpires time.Time `json:"tokenExpires,omitzero"`
	LastSync     time.Time `json:"lastSync,omitzero"`
}
