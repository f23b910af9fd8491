package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/secrets"
)

func TestThePlanThatIsToldHoldsNoSecret(t *testing.T) {
	const value = "made-up-value-of-a-token"
	d := &Daemon{redactor: secrets.NewRedactor(time.Now)}
	d.redactor.Register(secrets.New([]byte(value)))
	last := plan.Plan{
		Actions: []plan.Action{{
			Reason: message.Verbatim("the host answered " + value), Steps: []message.Message{message.Verbatim("look at " + value)},
			Changes: []plan.Change{{Field: "username", From: "was " + value, To: "is " + value}},
		}},
		Findings: []finding.Finding{{Message: message.Verbatim("the registry answered " + value)}},
	}
	told := plan.Merge(last)
	d.redactPlan(&told)
	if text := fmt.Sprintf("%+v", told); strings.Contains(text, value) || !strings.Contains(text, "the host answered ") {
		t.Errorf("got %s", text)
	}
	if n := strings.Count(fmt.Sprintf("%+v", last), value); n != 5 {
		t.Errorf("the plan itself was changed: %d of 5 texts are as they were", n)
	}
}
