package binding

import (
	"slices"
	"time"

	"reconciler/internal/message"
)

const (
	// MaxSuspension is the longest that a person may suspend for.
	MaxSuspension = 90 * 24 * time.Hour
	// suspensionTold is how long after its end a suspension is reported before
	// it is forgotten.
	suspensionTold = 24 * time.Hour
)

// Suspension is a person's suspension of a binding, or of a whole instance,
// until a given time. It applies in addition to the Suspend blocks of
// declarations.
type Suspension struct {
	Instance string `json:"instance"`
	// Binding is the one that is held; empty for all of the instance.
	Binding string    `json:"binding,omitempty"`
	Until   time.Time `json:"until"`
	Reason  string    `json:"reason"`
	Person
	// Since is when it was said.
	Since time.Time `json:"since"`
	// Damage, if not nil, is that of the journal, which suspends the instance.
	// Reason says so in English.
	Damage *JournalDamage `json:"damage,omitempty"`
}

// Why is the reason as a message.
func (s Suspension) Why() message.Message {
	if s.Damage != nil {
		return message.New("state.held", "damage", s.Damage.Message())
	}
	return message.Verbatim(s.Reason)
}

// Active says whether the suspension still holds at now.
func (s Suspension) Active(now time.Time) bool { return now.Before(s.Until) }

// Over says that the suspension ended so long before now that it can be
// forgotten.
func (s Suspension) Over(now time.Time) bool { return !now.Before(s.Until.Add(suspensionTold)) }

// Holds says whether the suspension is of one of the names, or of all.
func (s Suspension) Holds(names ...string) bool {
	if slices.Contains(names, s.Binding) {
		return true
	}
	return s.Binding == ""
}

// What names what is held, for a person.
func (s Suspension) What() message.Message {
	if s.Binding == "" {
		return message.New("suspension.instance", "instance", s.Instance)
	}
	return message.New("suspension.binding", "instance", s.Instance, "binding", s.Binding)
}

// End is the first instant at which the suspension holds no more.
func (s *Suspend) End() time.Time { return s.Until.Time().AddDate(0, 0, 1) }
