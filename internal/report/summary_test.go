package report_test

import (
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// A plan that could not look at everything must not say that all matches.
func TestSummaryOfAPlanWithErrorsDoesNotSayThatAllMatches(t *testing.T) {
	for name, p := range map[string]plan.Plan{
		"nothing could be planned": {},
		"the rest is as declared":  {Actions: []plan.Action{{Instance: "prod", Binding: "a", Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseSettled}}},
	} {
		t.Run(name, func(t *testing.T) {
			p.Findings = []finding.Finding{finding.New("source-missing", message.Verbatim("there is no such project"))}
			var b strings.Builder
			if err := report.Plan(&b, p, report.Style{}); err != nil {
				t.Fatal(err)
			}
			if text := b.String(); strings.Contains(text, "matches the declarations") || !strings.Contains(text, "see the findings") {
				t.Errorf("got:\n%s", text)
			}
		})
	}
}
