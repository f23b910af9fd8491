package binding

import (
	"slices"
	"time"

	"reconciler/internal/message"
)

const (
	// MaxSuspension is the longest that a person may suspend for.
	MaxSuspension = 90 * 24 * time.Hour
	// suspensionShown is how long a suspension is still reported after its end.
	suspensionShown = 24 * time.Hour
)

// Suspension is a person's suspension of a binding, or of a whole instance,
// until a given time. It applies in addition to the Suspend blocks of
// declarations.
type Suspension struct {
	Instance string `json:"instance"`
	// Binding is the suspended binding; empty for the whole instance.
	Binding string    `json:"binding,omitempty"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	Person
	// Since is when the suspension began.
	Since time.Time `json:"since"`
	// Damage is not nil if damage of the journal suspends the instance. Reason
	// describes it in English.
	Damage *JournalDamage `json:"damage,omitempty"`
}

// Why is the reason as a message.
func (s Suspension) Why() message.Message {
	if s.Damage != nil {
		return message.New("state.held", "damage", s.Damage.Message())
	}
	return message.Verbatim(s.Reason)
}

// Active reports whether the suspension still holds at now.
func (s Suspension) Active(now time.Time) bool { return now.Before(s.Until) }

// Over reports whether the suspension ended so long before now that it can be
// forgotten.
func (s Suspension) Over(now time.Time) bool { return !now.Before(s.Until.Add(suspensionShown)) }

// Holds reports whether the suspension is of one of the named bindings, or of the
// whole instance.
func (s Suspension) Holds(names ...string) bool {
	if slices.Contains(names, s.Binding) {
		return true
	}
	return s.Binding == ""
}

// What names the suspended object, for a person.
func (s Suspension) What() message.Message {
	if s.Binding == "" {
		return message.New("suspension.instance", "instance", s.Instance)
	}
	return message.New("suspension.binding", "instance", s.Instance, "binding", s.Binding)
}

// End is the first instant after the suspension.
func (s *Suspend) End() time.Time { return s.Until.Time().AddDate(0, 0, 1) }
