package status

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// EditionDisagrees is the condition of an instance whose edition the configuration
// and instances.yaml say differently; before is the condition before it, nil if
// there was none.
func EditionDisagrees(before *binding.Condition, why message.Message, now time.Time) binding.Condition {
	c := condition(binding.EditionAgreed, binding.False, ReasonEditionDisagrees, why)
	c.LastTransitionTime = now
	if before != nil {
		c.LastTransitionTime = before.LastTransitionTime
	}
	return c
}
