package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// problems are one of each kind.
func problems() report.Problems {
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	outage := func(kind binding.PartKind, name, reason, why string) binding.Outage {
		return binding.Outage{Since: at, PartAnswer: binding.PartAnswer{
			Part: binding.Part{Kind: kind, Name: name}, Asked: true, Reason: reason, Message: message.Verbatim(why),
		}}
	}
	held := func(name, instance, file, reason string) binding.Status {
		return binding.Status{Name: name, File: file, Spec: binding.Spec{Instance: instance}, Conditions: []binding.Condition{{Type: binding.Declared, Reason: reason}}}
	}
	broken := func(file string, line int) finding.Finding {
		return finding.New("field-unknown", message.Verbatim("no such field")).At(file, line, 3)
	}
	return report.Problems{
		Unanswered: report.Unanswered([]binding.Outage{
			outage(binding.PartSource, "", "Unreachable", "no route"), outage(binding.PartVault, "", "Sealed", "unseal it"),
			outage(binding.PartRegistry, "prod", "Timeout", "too slow"), outage(binding.PartCodeHost, "git.example.com", "HostFailed", "failed \x1b[31m(502)"),
		}),
		Refused: report.RefusedChanges(plan.Plan{Actions: []plan.Action{
			{Instance: "prod", Binding: "web", Kind: plan.Forbidden, Cause: plan.CauseFlapping, Reason: message.Verbatim("no")},
			{Instance: "prod", Binding: "web", Kind: plan.Forbidden, Cause: "deletion-threshold", Safety: true, Reason: message.Verbatim("too many")},
			{Instance: "prod", Binding: "web", Kind: plan.Forbidden, Cause: "deletion-threshold", Safety: true, Reason: message.Verbatim("too many")},
			{Instance: "prod", Binding: "jobs", Kind: plan.Forbidden, Cause: "deletion-threshold", Safety: true, Reason: message.Verbatim("too many")},
			{Instance: "edge", Binding: "pay", Kind: plan.Forbidden, Cause: plan.CauseSecretTarget, Reason: message.Verbatim("elsewhere")},
			{Instance: "edge", Binding: "ok", Kind: plan.Noop, Reason: message.Verbatim("fine")},
		}}),
		BrokenFiles: report.BrokenFiles([]string{"a.yaml", "b.yaml"}, []finding.Finding{
			broken("a.yaml", 4), broken("b.yaml", 1), broken("b.yaml", 2), broken("b.yaml", 3), broken("b.yaml", 4), broken("c.yaml", 9),
		}, []binding.Status{held("pay", "prod", "a.yaml", "FileBroken"), held("web", "edge", "gone.yaml", "FileBroken"), held("ok", "prod", "ok.yaml", "AsDeclared")}, "FileBroken"),
	}
}

// TestKind11ProblemsStandInLinesOfTheirOwn: one for each part and for each of the
// first findings of an invalid file, harmless for a terminal.
func TestKind11ProblemsStandInLinesOfTheirOwn(t *testing.T) {
	var out bytes.Buffer
	if err := report.Bindings(&out, report.BindingView{Problems: problems()}, report.Style{}); err != nil {
		t.Fatal(err)
	}
	want := `! the source of declarations has given no usable answer since 2026-11-28T12:00:00Z (Unreachable): no route
! Vault has given no usable answer since 2026-11-28T12:00:00Z (Sealed): unseal it
! the registry of prod has given no usable answer since 2026-11-28T12:00:00Z (Timeout): too slow
! the code host git.example.com has given no usable answer since 2026-11-28T12:00:00Z (HostFailed): failed \u001b[31m(502)
! prod: refused for safety: web and 1 more: too many
! edge: refused for safety: pay: elsewhere
! a.yaml:4:3 is invalid (field-unknown): no such field
  not changed because of it: edge/web, prod/pay
! b.yaml:1:3 is invalid (field-unknown): no such field
! b.yaml:2:3 is invalid (field-unknown): no such field
! b.yaml:3:3 is invalid (field-unknown): no such field
! b.yaml: 1 more
  not changed because of it: edge/web

No bindings.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out.Reset()
	if err := report.Bindings(&out, report.BindingView{}, report.Style{}); err != nil || out.String() != "No bindings.\n" {
		t.Errorf("no problems: %q, %v", out.String(), err)
	}
}

// TestKind11ProblemsAreThoseOfWhatWasAskedFor: a registry of another instance and
// a file that holds others say nothing about it; a file that holds nothing may
// declare anything.
func TestKind11ProblemsAreThoseOfWhatWasAskedFor(t *testing.T) {
	all := problems()
	all.BrokenFiles = append(all.BrokenFiles, report.BrokenFile{File: "new.yaml"})
	for name, tt := range map[string]struct {
		of    report.Problems
		parts int
		files string
	}{
		"an instance":          {all.OfInstance("edge"), 3, "a.yaml b.yaml new.yaml"},
		"its registry":         {all.OfInstance("prod"), 4, "a.yaml new.yaml"},
		"a binding":            {all.OfBindings("pay"), 4, "a.yaml"},
		"one of two":           {all.OfBindings("pay", "web"), 4, "a.yaml b.yaml"},
		"one that is as it is": {all.OfBindings("ok"), 4, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var files []string
			for _, b := range tt.of.BrokenFiles {
				files = append(files, b.File)
			}
			if got := strings.Join(files, " "); len(tt.of.Unanswered) != tt.parts || got != tt.files {
				t.Errorf("%d parts and %q, want %d and %q", len(tt.of.Unanswered), got, tt.parts, tt.files)
			}
		})
	}
	if len(all.Unanswered) != 4 || len(all.BrokenFiles) != 3 {
		t.Error("what was asked for changed the whole")
	}
}

// TestKind11APartThatIsDownHidesNoOtherTrouble: our credentials for the registry are
// named also while Vault is down, and what a part's line says already is not said
// again.
func TestKind11APartThatIsDownHidesNoOtherTrouble(t *testing.T) {
	part := func(kind binding.PartKind, name, why string) []binding.Outage {
		return []binding.Outage{{PartAnswer: binding.PartAnswer{
			Part: binding.Part{Kind: kind, Name: name}, Asked: true, Reason: "No", Message: message.Verbatim(why),
		}}}
	}
	rejected := report.NotGood("prod", []binding.Condition{{
		Type: binding.CredentialsAccepted, Status: binding.False, Reason: "CredentialsRejected", Message: message.Verbatim("the key is disabled"),
	}})
	for name, tt := range map[string]struct {
		outages []binding.Outage
		want    int
	}{
		"nothing is down":                       {nil, 1},
		"Vault is sealed":                       {part(binding.PartVault, "", "sealed"), 2},
		"a write is rejected, reads time out":   {part(binding.PartRegistry, "prod", "too slow"), 2},
		"the registry rejects all":              {part(binding.PartRegistry, "prod", "the key is disabled"), 1},
		"Vault rejects our login":               {part(binding.PartVault, "", "the key is disabled"), 1},
		"the registry of another is down":       {part(binding.PartRegistry, "edge", "too slow"), 2},
		"a code host is down":                   {part(binding.PartCodeHost, "git.example.com", "too slow"), 2},
		"the source of declarations is down":    {part(binding.PartSource, "", "too slow"), 2},
		"the journal is damaged":                {part(binding.PartJournal, "", "damaged"), 2},
		"the registry of another rejects it":    {part(binding.PartRegistry, "edge", "the key is disabled"), 2},
		"a code host says the same by accident": {part(binding.PartCodeHost, "h", "the key is disabled"), 2},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			view := report.BindingView{Problems: report.Problems{Unanswered: report.Unanswered(tt.outages), Instances: rejected}}
			if err := report.Bindings(&out, view, report.Style{}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Count(out.String(), "! "); got != tt.want {
				t.Errorf("%d lines, want %d:\n%s", got, tt.want, out.String())
			}
		})
	}
}
