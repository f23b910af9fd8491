package report_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

// says is a foreign text in a report.
func says(text string) report.Text { return report.Text{Message: message.Verbatim(text)} }

func sampleChecks() []report.Check {
	return []report.Check{
		{Group: says("Source"), Name: "reachable", Object: says("https://git.example.com/bindings.git"), Verdict: binding.Yes, Reason: "Answered", Message: says("the server answers")},
		{Group: says("Source"), Name: "access", Object: says("https://git.example.com/bindings.git"), Verdict: binding.No, Reason: "Forbidden", Message: says("HTTP 401"), Hint: says("check the user and the password")},
		{Group: says("Source"), Name: "revision", Object: says("branch main"), Verdict: binding.UnknownAsked, Reason: report.NotAsked, Message: says("needs: access")},
		{
			Group: says("Binding 支付"), Name: "token-valid", Object: says("ci-bot\u202e"), Verdict: binding.UnknownAsked, Reason: "HostFailed",
			Message: says("gitlab.example.com failed (503)\x1b[31m;\nit will be asked again automatically"), Hint: says("wait\x07"),
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
