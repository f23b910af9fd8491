package status

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// suspended is the condition that a binding is suspended, or that a suspension
// ended; nil if there is none.
func suspended(now time.Time, declared *binding.Suspend, operator []binding.Suspension, names ...string) *binding.Condition {
	var holds, ended []message.Message
	if declared.Active(now) {
		holds = append(holds, message.New("condition.suspended-by-declaration", "until", declared.Until, "owner", declared.Owner, "reason", message.Foreign(declared.Reason)))
	} else if declared != nil {
		ended = append(ended, message.New("condition.suspension-ended", "until", declared.Until))
	}
	for _, s := range operator {
		switch {
		case !s.Holds(names...):
		case s.Active(now):
			holds = append(holds, message.New("condition.suspended-by-person", "until", s.Until, "by", s.By, "reason", s.Why()))
		default:
			ended = append(ended, message.New("condition.suspension-by-person-ended", "until", s.Until, "by", s.By))
		}
	}
	c := condition(binding.Suspended, binding.True, ReasonSuspended, all(holds))
	switch {
	case len(holds) > 0:
	case len(ended) > 0:
		c = condition(binding.Suspended, binding.False, ReasonSuspensionEnded, all(ended))
	default:
		return nil
	}
	return &c
}

// all joins several messages into one; the zero Message if there are none.
func all(messages []message.Message) message.Message {
	var m message.Message
	for i, next := range messages {
		if i == 0 {
			m = next
			continue
		}
		m = message.New("condition.and", "first", m, "second", next)
	}
	return m
}
