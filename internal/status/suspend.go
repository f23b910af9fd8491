package status

import (
	"fmt"
	"strings"
	"time"

	"reconciler/internal/binding"
)

// suspended tells of what holds a binding still, or did; nil where nothing does.
func suspended(now time.Time, declared *binding.Suspend, operator []binding.Suspension, names ...string) *binding.Condition {
	var holds, ended []string
	if declared.Active(now) {
		holds = append(holds, fmt.Sprintf("until the end of %s, by %s: %s", declared.Until, declared.Owner, declared.Reason))
	} else if declared != nil {
		ended = append(ended, fmt.Sprintf("it ended with %s", declared.Until))
	}
	for _, s := range operator {
		at := s.Until.UTC().Format(time.RFC3339)
		switch {
		case !s.Holds(names...):
		case s.Active(now):
			holds = append(holds, fmt.Sprintf("until %s, by %s: %s", at, s.By, s.Reason))
		default:
			ended = append(ended, fmt.Sprintf("the one by %s ended at %s", s.By, at))
		}
	}
	c := condition(binding.Suspended, binding.True, ReasonSuspended, strings.Join(holds, "; "))
	switch {
	case len(holds) > 0:
	case len(ended) > 0:
		c = condition(binding.Suspended, binding.False, ReasonSuspensionEnded, strings.Join(ended, "; "))
	default:
		return nil
	}
	return &c
}
