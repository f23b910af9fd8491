package status

import (
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// EditionDisagrees is the condition of an instance for which the configuration and
// instances.yaml state different editions; before is the previous condition, nil if
// there was none.
func EditionDisagrees(before *binding.Condition, why message.Message, now time.Time) binding.Condition {
	c := condition(binding.EditionAgreed, binding.False, ReasonEditionDisagrees, why)
	c.LastTransitionTime = now
	if before != nil {
		c.LastTransitionTime = before.LastTransitionTime
	}
	return c
}
