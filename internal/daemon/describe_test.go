package daemon

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
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
	merged := plan.Merge(last)
	d.redactPlan(&merged)
	if text := fmt.Sprintf("%+v", merged); strings.Contains(text, value) || !strings.Contains(text, "the host answered ") {
		t.Errorf("got %s", text)
	}
	if n := strings.Count(fmt.Sprintf("%+v", last), value); n != 5 {
		t.Errorf("the plan itself was changed: %d of 5 texts are as they were", n)
	}
}

// TestWhatWasAppliedLastIsAChange: the history has other entries of the same sync too.
func TestWhatWasAppliedLastIsAChange(t *testing.T) {
	entry := func(action, revision string) binding.HistoryEntry {
		return binding.HistoryEntry{Action: action, Outcome: string(plan.Done), Revision: revision, Digest: "sha256:1"}
	}
	for _, other := range []string{"break-glass", "forget"} {
		if got := lastApply([]binding.HistoryEntry{entry(other, "newer"), entry("rebind", "older")}); got.Revision != "older" {
			t.Errorf("%s: applied last at %s", other, got.Revision)
		}
	}
	for _, change := range []string{"rebind", "adopt", "attest"} {
		if got := lastApply([]binding.HistoryEntry{entry(change, "newer"), entry("rebind", "older")}); got.Revision != "newer" {
			t.Errorf("%s: applied last at %s", change, got.Revision)
		}
	}
}

// TestASuspensionThatEndedIsNotDescribed: it is remembered for a day after its end.
func TestASuspensionThatEndedIsNotDescribed(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	d := &Daemon{redactor: secrets.NewRedactor(time.Now), now: func() time.Time { return now }}
	until := func(end time.Duration) binding.Suspension {
		return binding.Suspension{Instance: "prod", Binding: "pay", Until: now.Add(end), Person: binding.Person{By: "Ada"}}
	}
	last := &plan.Round{Input: plan.Input{Suspensions: []binding.Suspension{until(-time.Hour), until(time.Hour)}}}
	var out report.Description
	d.describeRound(&out, last, "pay")
	if len(out.Suspensions) != 1 || !out.Suspensions[0].Until.After(now) {
		t.Errorf("%+v", out.Suspensions)
	}
}
