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

func TestGetSaysWhatIsTriedAgainAndWhoIsWaitedFor(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for name, tt := range map[string]struct {
		status binding.Status
		want   string
	}{
		"a retry today": {
			binding.Status{Name: "pay", LastSync: at, Retry: &binding.Retry{Failures: 3, Next: at.Add(200 * time.Second)}},
			"\n! pay retrying, attempt 4, next 12:03:20Z\n",
		},
		"a retry tomorrow": {
			binding.Status{Name: "pay", LastSync: at, Retry: &binding.Retry{Failures: 1, Next: at.Add(13 * time.Hour)}},
			"\n! pay retrying, attempt 2, next 2026-11-26T01:00:00Z\n",
		},
		"a step": {
			binding.Status{Name: "web", Steps: []message.Message{message.Verbatim("click")}, Pending: []binding.PendingStep{
				{Since: at.Add(time.Hour), Due: at.Add(3 * time.Hour)}, {Since: at, Due: at.Add(2 * time.Hour)},
			}},
			"\n? web has waited for a person since 2026-11-25T12:00:00Z, due by 2026-11-25T14:00:00Z:\n   1. click\n",
		},
		"an overdue step": {
			binding.Status{Name: "web", Steps: []message.Message{message.Verbatim("click")}, Pending: []binding.PendingStep{{Since: at, Due: at.Add(time.Hour), Overdue: true}}},
			"\n? web has waited for a person since 2026-11-25T12:00:00Z, overdue since 2026-11-25T13:00:00Z:\n",
		},
		"a step without a deadline": {
			binding.Status{Name: "web", Steps: []message.Message{message.Verbatim("click")}, Pending: []binding.PendingStep{{Since: at}}},
			"\n? web has waited for a person since 2026-11-25T12:00:00Z:\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := report.Bindings(&out, report.BindingView{Statuses: []binding.Status{tt.status}}, report.Style{Steps: true}); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), tt.want) {
				t.Errorf("want %q in\n%s", tt.want, out.String())
			}
		})
	}
}
