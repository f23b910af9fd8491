package report_test

import (
	"bytes"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

func sampleSync() report.SyncResult {
	r := report.NewSyncResult([]report.SyncedInstance{
		{
			Name: "prod-hangzhou", Revision: "4be1c0", Digest: "sha256:ab", Outcome: report.SyncFailed,
			Bindings: []report.SyncedBinding{
				{Name: "web", Outcome: report.SyncWaiting, Ready: binding.False, Reason: "AwaitingPerson", Message: "GitHub is not bound"},
				{Name: "payments", Outcome: report.SyncFailed, Ready: binding.False, Reason: "Failed", Message: "the registry refuses\x1b[31m the token of 支付"},
				{Name: "old", Outcome: report.SyncUnchanged, Ready: binding.Unclear},
			},
		},
		{Name: "edge", Outcome: report.SyncFailed, Message: "no snapshot of the source was read yet"},
	})
	r.Source = "the source was not read, and the last snapshot stands: no answer"
	return r
}

func TestSyncGolden(t *testing.T) {
	var text, narrow, data bytes.Buffer
	for _, err := range []error{
		report.Sync(&text, sampleSync(), report.Style{}),
		report.Sync(&narrow, sampleSync(), report.Style{Color: true, Width: 80}),
		report.JSON(&data, sampleSync()),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "sync.golden", text.Bytes())
	golden(t, "sync-color-narrow.golden", narrow.Bytes())
	golden(t, "sync.json.golden", data.Bytes())
}

func TestTheWorstOutcomeStandsForAll(t *testing.T) {
	for _, tt := range []struct {
		all  []report.SyncOutcome
		want report.SyncOutcome
	}{
		{nil, report.SyncUnchanged},
		{[]report.SyncOutcome{report.SyncUnchanged, report.SyncChanged}, report.SyncChanged},
		{[]report.SyncOutcome{report.SyncChanged, report.SyncWaiting}, report.SyncWaiting},
		{[]report.SyncOutcome{report.SyncForbidden, report.SyncWaiting}, report.SyncForbidden},
		{[]report.SyncOutcome{report.SyncForbidden, report.SyncFailed}, report.SyncFailed},
		{[]report.SyncOutcome{report.SyncRefused, report.SyncFailed}, report.SyncRefused},
	} {
		if got := report.WorstSync(tt.all...); got != tt.want {
			t.Errorf("of %v: %s, want %s", tt.all, got, tt.want)
		}
	}
}
