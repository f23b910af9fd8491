package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

func TestSuspensionsGolden(t *testing.T) {
	at := time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	list := report.NewSuspensionList([]binding.Suspension{
		{Instance: "prod-hangzhou", Binding: "web", Until: at, Reason: "freeze\x1b[2J", Person: binding.Person{By: "Ada", Proven: "uid 1000"}, Since: at.AddDate(0, -1, 0)},
		{Instance: "prod-hangzhou", Until: at, Reason: "迁移", Person: binding.Person{By: "Bob"}, Since: at.AddDate(0, -1, 0)},
	}, []string{"prod-hangzhou"})
	var text, data bytes.Buffer
	for _, err := range []error{
		report.Suspended(&text, list, report.Style{}),
		report.Resumed(&text, list, report.Style{}),
		report.JSON(&data, list),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "suspensions.golden", text.Bytes())
	golden(t, "suspensions.json.golden", data.Bytes())
}

func TestTheTableTellsWhatIsHeldStill(t *testing.T) {
	held := func(name, text string) binding.Status {
		return binding.Status{
			Name: name, Spec: binding.Spec{Instance: "prod-hangzhou", Platform: binding.GitLab},
			Conditions: []binding.Condition{{Type: binding.Suspended, Status: binding.True, Reason: "Suspended", Message: message.Verbatim(text)}},
		}
	}
	over := held("over", "the suspension is over")
	over.Conditions[0].Status = binding.False
	var out strings.Builder
	if err := report.Bindings(&out, report.BindingView{Statuses: []binding.Status{held("api", "until noon, by Ada"), held("web", "until noon, by Ada"), held("jobs", "until night, by Bob"), over}}, report.Style{}); err != nil {
		t.Fatal(err)
	}
	got, _, _ := strings.Cut(out.String(), "\nNAME")
	const want = "api and 1 more of prod-hangzhou are suspended until noon, by Ada\njobs is suspended until night, by Bob\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
