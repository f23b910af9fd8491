package status

import (
	"fmt"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// windowOpen tells whether the instance may be changed.
func (v view) windowOpen() binding.Condition {
	c := condition(binding.WindowOpen, binding.False, ReasonOutsideWindow, v.window.Why+"; opens "+v.window.When())
	if v.window.Open {
		c.Status, c.Reason, c.Message = binding.True, ReasonInsideWindow, v.window.Why
		if !v.window.Until.IsZero() {
			c.Message += "; closes " + v.window.When()
		}
	}
	return c
}

// waits says that a condition is not met only because what would put it right
// waits for a window.
func (v view) waits(t binding.ConditionType) bool {
	if t != binding.Bound && t != binding.RepositoriesLinked && t != binding.RulesCurrent {
		return false
	}
	own := plan.Result{Outcomes: v.outcomes}
	return own.Count(plan.Deferred) > 0 && own.Count(plan.Failed, plan.Skipped, plan.Held, plan.Stopped) == 0
}

// untilWindow says until when an action waits.
func (v view) untilWindow(a plan.Action) string {
	when := "when the window opens"
	if v.window != nil && !v.window.Open {
		when = "until the window opens, " + v.window.When()
	}
	return fmt.Sprintf("%s %s waits %s: %s", a.Kind, a.Object, when, a.Reason)
}
