package report_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func atHour(n int) time.Time { return time.Date(2026, 11, 25, n, 30, 0, 0, time.UTC) }

func sampleEvents() report.EventList {
	return report.NewEventList([]report.EventItem{
		{Sequence: 7, Instance: "prod", Binding: "web", Type: report.EventWarning, Reason: "DriftFound", Message: "account: drift\x1b[31m", Revision: "4be1", Count: 12, First: atHour(1), Last: atHour(9)},
		{Sequence: 8, Type: report.EventNormal, Reason: "SnapshotRead", Message: "来源", Count: 1, First: atHour(10), Last: atHour(10)},
	}, 8)
}

func sampleHistory() []binding.HistoryEntry {
	return []binding.HistoryEntry{
		{Person: binding.Person{By: "Ada\x1b[2J", Proven: "uid 1000"}, Time: atHour(3), Instance: "prod", Binding: "web", Action: "sync", Outcome: "asked", Message: "cannot wait"},
		{Time: atHour(2), Instance: "prod", Binding: "web", Action: "bind", Object: binding.AccountObject(), Outcome: "done", Message: "declared", Revision: strings.Repeat("4be1", 10), Digest: "sha256:" + strings.Repeat("ab", 32)},
	}
}

func sampleDescription() report.Description {
	s := statuses()[1]
	s.Revision, s.LastSync = "4be1", atHour(9)
	s.Retry = &binding.Retry{Failures: 2, Next: atHour(11)}
	s.Pending = []binding.PendingStep{
		{Object: binding.AccountObject(), Action: "authorize", Reason: message.Verbatim("not bound"), Since: atHour(4), Due: atHour(5), Overdue: true, Steps: []message.Message{message.Verbatim("Open\x1b[0m it"), message.Verbatim("Confirm")}},
		{Object: binding.RepositoryObject("a/b"), Action: "manual", Reason: message.Verbatim("not linked"), Since: atHour(4), Due: atHour(23), Steps: []message.Message{message.Verbatim("Link")}},
	}
	s.Spec.Token = &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "a", Key: "token"}}
	s.Spec.Owner, s.Spec.Deputy = &binding.Contact{Name: "Ada\x1b[0m Lovelace", Account: "ada"}, &binding.Contact{Name: "Grace"}
	s.Spec.Repositories = []binding.Repository{{Image: "a/b", Source: "c/d", Trigger: binding.Auto, Rules: []binding.BuildRule{}}}
	return report.NewDescription(report.Description{
		BindingItem: report.NewBindingList([]binding.Status{s}).Items[0], Line: 3,
		Token: report.DescribedToken{Vault: s.Spec.Token.Vault, Version: 4, Bound: 3, Expires: atHour(23), ExpiresSource: "host"},
		Suspensions: []binding.Suspension{{
			Instance: "prod", Binding: "web", Until: atHour(20), Reason: "freeze", Person: binding.Person{By: "Ada", Proven: "uid 1000"}, Since: atHour(1),
		}},
		Applied: report.DescribedApply{Time: atHour(2), Revision: "4be1", Digest: "sha256:ab"},
		Objects: []report.DescribedObject{{Object: binding.AccountObject(), Action: plan.Authorize, Reason: "not bound"}, {Object: binding.RepositoryObject("a/b"), Action: plan.Noop, Reason: "as declared"}},
		Images: report.DescribedImages([]binding.Repository{
			{Image: "a/b", Rules: []binding.BuildRule{{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}, {Tag: "v$version", Dockerfile: "/build/Dockerfile", ImageTag: "$version"}}},
			{Image: "a/c", Rules: []binding.BuildRule{{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"}}},
			{Image: "a/d"},
		}, map[string]binding.RepositoryState{
			"a/b": {Exists: true, Rules: []binding.ObservedRule{
				{ID: "1", BuildRule: binding.BuildRule{Branch: "main", Dockerfile: "/other/Dockerfile", ImageTag: "latest"}}, {ID: "2", BuildRule: binding.BuildRule{Branch: "by-hand", Dockerfile: "/Dockerfile", ImageTag: "x\x1b[31m"}},
			}},
			"a/c": {RulesUnknown: &binding.Unknown{Message: message.Verbatim("too slow")}},
		}),
		Events: sampleEvents().Items[:1], History: sampleHistory(),
	})
}

func TestWhatADaemonTellsGolden(t *testing.T) {
	narrow := report.Style{Color: true, Width: 80}
	empty := report.NewDescription(report.Description{BindingItem: report.NewBindingList([]binding.Status{{Name: "gone", Spec: binding.Spec{
		Instance: "prod", Platform: binding.GitHub, DeletionPolicy: binding.Retain, DriftPolicy: binding.Correct,
	}}}).Items[0]})
	for name, write := range map[string]func(io.Writer) error{
		"events.golden":       func(w io.Writer) error { return report.Events(w, sampleEvents(), report.Style{}) },
		"events-on.golden":    func(w io.Writer) error { return report.NewEventTable(narrow, true).Write(w, sampleEvents().Items) },
		"events-none.golden":  func(w io.Writer) error { return report.Events(w, report.NewEventList(nil, 0), narrow) },
		"events-lines.golden": func(w io.Writer) error { return report.EventLines(w, sampleEvents()) },
		"events.json.golden":  func(w io.Writer) error { return report.JSON(w, sampleEvents()) },
		"history.golden": func(w io.Writer) error {
			return report.HistoryText(w, report.NewHistory(sampleHistory()), report.Style{})
		},
		"history-none.golden":           func(w io.Writer) error { return report.HistoryText(w, report.NewHistory(nil), report.Style{}) },
		"history.json.golden":           func(w io.Writer) error { return report.JSON(w, report.NewHistory(sampleHistory())) },
		"description.golden":            func(w io.Writer) error { return report.DescriptionText(w, sampleDescription(), report.Style{}) },
		"description-narrow.golden":     func(w io.Writer) error { return report.DescriptionText(w, sampleDescription(), narrow) },
		"description-empty.golden":      func(w io.Writer) error { return report.DescriptionText(w, empty, report.Style{}) },
		"description.json.golden":       func(w io.Writer) error { return report.JSON(w, sampleDescription()) },
		"description-empty.json.golden": func(w io.Writer) error { return report.JSON(w, empty) },
		"daemonplan.golden":             func(w io.Writer) error { return writeDaemonPlan(w, report.FormatText) },
		"daemonplan.json.golden":        func(w io.Writer) error { return writeDaemonPlan(w, report.FormatJSON) },
		"daemonplan-markdown.golden":    func(w io.Writer) error { return writeDaemonPlan(w, report.FormatMarkdown) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func writeDaemonPlan(w io.Writer, f report.Format) error {
	p := plan.Plan{Actions: []plan.Action{
		{Instance: "prod", Binding: "web", Platform: binding.GitHub, Object: binding.AccountObject(), Kind: plan.Noop, Cause: plan.CauseSettled, Reason: message.Verbatim("bound as declared")},
	}}
	d := report.NewDaemonPlan(p, report.DaemonPlan{Made: atHour(5), Revision: "4be1", Depth: report.Preflight})
	return report.Write(w, f, d.Document(), report.Options{})
}
