package report_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

func sampleChecks() []report.Check {
	return []report.Check{
		{Group: "Source", Name: "reachable", Object: "https://git.example.com/bindings.git", Verdict: binding.Yes, Reason: "Answered", Message: "the server answers"},
		{Group: "Source", Name: "access", Object: "https://git.example.com/bindings.git", Verdict: binding.No, Reason: "Forbidden", Message: "HTTP 401", Hint: "check the user and the password"},
		{Group: "Source", Name: "revision", Object: "branch main", Verdict: binding.UnknownAsked, Reason: report.NotAsked, Message: "needs: access"},
		{
			Group: "Binding 支付", Name: "token-valid", Object: "ci-bot\u202e", Verdict: binding.UnknownAsked, Reason: "HostFailed",
			Message: "gitlab.example.com failed (503)\x1b[31m;\nit will be asked again by itself", Hint: "wait\x07",
		},
	}
}

func TestChecklistIsShown(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"checklist.golden": func(w io.Writer) error { return report.Checklist(w, sampleChecks(), report.Style{}) },
		"checklist-narrow.golden": func(w io.Writer) error {
			return report.Checklist(w, sampleChecks(), report.Style{Color: true, Width: 50})
		},
		"checklist-empty.golden": func(w io.Writer) error { return report.Checklist(w, nil, report.Style{}) },
		"checklist.json.golden":  func(w io.Writer) error { return report.ChecklistJSON(w, sampleChecks()) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := write(&out); err != nil {
				t.Fatal(err)
			}
			if name != "checklist-narrow.golden" && strings.ContainsAny(out.String(), "\x1b\x07\u202e") {
				t.Errorf("control characters came through: %q", out.String())
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestChecklistWithoutARefutationIsNotRefuted(t *testing.T) {
	checks := sampleChecks()
	if !report.AnyFailed(checks) {
		t.Error("a no refutes")
	}
	if report.AnyFailed(append(checks[:1:1], checks[2:]...)) {
		t.Error("what is unknown or not asked refutes nothing")
	}
}

func TestChecklistTellsThatItCannotBeWritten(t *testing.T) {
	if err := report.Checklist(brokenPipe{}, nil, report.Style{}); err == nil {
		t.Error("text: no error")
	}
	if err := report.ChecklistJSON(brokenPipe{}, nil); err == nil {
		t.Error("JSON: no error")
	}
}
