package report

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// ConditionObject is a condition in JSON: as data and as English text.
type ConditionObject struct {
	Type   binding.ConditionType   `json:"type"`
	Status binding.ConditionStatus `json:"status"`
	// Reason is a CamelCase word that programs may branch on.
	Reason string `json:"reason"`
	// LastKnown is true if there is no answer now and Status is the last known
	// one.
	LastKnown bool `json:"lastKnown,omitempty"`
	// Known is the time of the last answer, if there is none now.
	Known   time.Time `json:"known,omitzero"`
	Message string    `json:"message"`
	// ID and Args are the message as data.
	ID   string       `json:"id,omitempty"`
	Args message.Args `json:"args,omitempty"`
	// LastTransitionTime is when Status last changed.
	LastTransitionTime time.Time `json:"lastTransitionTime"`
}

// ConditionObjects converts conditions for JSON.
func ConditionObjects(conditions []binding.Condition) []ConditionObject {
	return nonNil(each(conditions, func(c binding.Condition) ConditionObject {
		return ConditionObject{
			Type: c.Type, Status: c.Status, Reason: c.Reason, LastKnown: c.LastKnown, Known: lastAnswer(c), Message: English().Text(c.Message),
			ID: c.Message.ID, Args: c.Message.Args, LastTransitionTime: c.LastTransitionTime,
		}
	}))
}

// lastAnswer is the time of the last answer for a condition that has none now.
func lastAnswer(c binding.Condition) time.Time {
	if c.LastKnown || c.Status == binding.Unclear {
		return c.Known
	}
	return time.Time{}
}

// ConditionsOf converts back what ConditionObjects wrote. It keeps another
// version's text if this one has none for the message.
func ConditionsOf(objects []ConditionObject) []binding.Condition {
	return each(objects, func(o ConditionObject) binding.Condition {
		return binding.Condition{
			Type: o.Type, Status: o.Status, Reason: o.Reason, LastKnown: o.LastKnown, Known: o.Known,
			Message: known(message.Message{ID: o.ID, Args: o.Args}, o.Message), LastTransitionTime: o.LastTransitionTime,
		}
	})
}

// StatusObject is a status in JSON.
type StatusObject struct {
	binding.Status
	Conditions []ConditionObject `json:"conditions"`
	Steps      []string          `json:"steps,omitempty"`
	// StepMessages are the steps as data.
	StepMessages []message.Message `json:"stepMessages,omitempty"`
	Pending      []PendingObject   `json:"waiting,omitempty"`
}

// StatusObjects converts statuses for JSON.
func StatusObjects(statuses []binding.Status) []StatusObject {
	return nonNil(each(statuses, func(s binding.Status) StatusObject {
		return StatusObject{s, ConditionObjects(s.Conditions), English().texts(s.Steps), s.Steps, pendingObjects(s.Pending)}
	}))
}

// StatusesOf converts back what StatusObjects wrote.
func StatusesOf(objects []StatusObject) []binding.Status {
	statuses := make([]binding.Status, len(objects))
	for i, o := range objects {
		statuses[i] = o.Status
		statuses[i].Conditions, statuses[i].Pending = ConditionsOf(o.Conditions), pendingSteps(o.Pending)
		statuses[i].Steps = knownSteps(o.StepMessages, o.Steps)
	}
	return statuses
}
