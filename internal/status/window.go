package status

import (
	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// windowOpen is the condition whether the instance may be changed now.
func (v view) windowOpen() binding.Condition {
	why, when := v.window.Why, v.window.When()
	switch {
	case !v.window.Open:
		return condition(binding.WindowOpen, binding.False, ReasonOutsideWindow, message.New("condition.window-closed", "why", why, "opens", when))
	case v.window.Until.IsZero():
		return condition(binding.WindowOpen, binding.True, ReasonInsideWindow, why)
	}
	return condition(binding.WindowOpen, binding.True, ReasonInsideWindow, message.New("condition.window-open", "why", why, "closes", when))
}

// onlyHeld reports whether a condition is not met only because an action waits for
// a window.
func (v view) onlyHeld(t binding.ConditionType) bool {
	if t != binding.Bound && t != binding.RepositoriesLinked && t != binding.RulesCurrent {
		return false
	}
	own := plan.Result{Outcomes: v.outcomes}
	return own.Count(plan.Deferred) > 0 && own.Count(plan.Failed, plan.Skipped, plan.Held, plan.Stopped) == 0
}

// untilWindow is a message about the window that an action waits for.
func untilWindow(a plan.Action, window *plan.WindowState) message.Message {
	var when message.Message
	if window != nil && !window.Open {
		when = window.When()
	}
	return message.New("condition.outside-window", "action", a.Kind, "object", a.Object, "opens", when, "why", a.Reason)
}
