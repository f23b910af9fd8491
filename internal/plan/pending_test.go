package plan_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func TestAPersonsStepSaysSinceWhenAndWhetherItIsOverdue(t *testing.T) {
	asked := func(since time.Time, change func(*plan.Input)) plan.Plan {
		in := input(githubDeclaration())
		in.RetryStates = []binding.RetryState{{Instance: "prod", Binding: "web-github", Pending: []binding.PendingSince{
			{Platform: binding.GitHub, Object: binding.AccountObject(), Action: "authorize", Since: since},
			{Platform: binding.GitLab, Object: binding.AccountObject(), Action: "manual", Since: noon().AddDate(-1, 0, 0)},
		}}}
		if change != nil {
			change(&in)
		}
		return plan.Make(in)
	}
	week := 7 * 24 * time.Hour
	for name, tt := range map[string]struct {
		since  time.Time
		change func(*plan.Input)
		due    time.Time
		says   string
	}{
		"within the deadline": {noon().Add(-week), nil, noon(), ""},
		"past it": {
			noon().Add(-week - time.Second), nil, noon().Add(-time.Second),
			"web-github: authorize of account has waited for a person since 2026-11-15T11:59:59Z and should have been done by 2026-11-22T11:59:59Z",
		},
		"past it, with somebody to ask": {
			noon().Add(-week - time.Second),
			func(in *plan.Input) {
				in.Declarations[0].Spec.Suspend = &binding.Suspend{Until: binding.DateOf(noon().AddDate(0, -1, 0)), Reason: "freeze", Owner: "web team"}
			},
			noon().Add(-time.Second), "; ask web team (spec.suspend.owner)",
		},
		"without a deadline": {noon().AddDate(-1, 0, 0), func(in *plan.Input) { in.Policy.PersonDeadline = 0 }, time.Time{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := asked(tt.since, tt.change)
			if a := p.Actions[0]; a.Kind != plan.Authorize || !a.Since.Equal(tt.since) || !a.Due.Equal(tt.due) {
				t.Errorf("the step is %+v", a)
			}
			said := ""
			for _, f := range p.Findings {
				if f.Code == "person-overdue" {
					said = report.English().Text(f.Message)
				}
			}
			if (said == "") != (tt.says == "") || !strings.Contains(said, tt.says) {
				t.Errorf("the finding says %q, want %q", said, tt.says)
			}
			if fresh := plan.Make(input(githubDeclaration())); tt.change == nil && fresh.Digest() != p.Digest() {
				t.Error("since when it waits is part of the digest")
			}
		})
	}
	t.Run("what is no step waits for nobody", func(t *testing.T) {
		p := asked(noon().AddDate(-1, 0, 0), func(in *plan.Input) { in.Declarations[0].Spec.ManagementPolicy = binding.Observe })
		if diff := cmp.Diff([]string{"warning observed-difference"}, codes(p)); diff != "" || !p.Actions[0].Since.IsZero() {
			t.Errorf("%+v %s", p.Actions, diff)
		}
	})
}
