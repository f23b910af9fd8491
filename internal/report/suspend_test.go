package report_test

import (
	"bytes"
	"testing"
	"time"

	"reconciler/internal/binding"
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
		report.SuspensionsJSON(&data, list),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "suspensions.golden", text.Bytes())
	golden(t, "suspensions.json.golden", data.Bytes())
}
