package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// sampleChange is a document of a change that brings one action of two.
func sampleChange(depth report.Depth) report.Document {
	link := plan.Action{Instance: "i", Binding: "b", Platform: binding.GitLab, Object: binding.RepositoryObject("n/a"), Kind: plan.Link, Cause: plan.CauseAbsent, Reason: message.Verbatim("declared and not linked")}
	bind := plan.Action{Instance: "i", Binding: "b\x1b[31m", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Bind, Cause: plan.CauseAbsent, Reason: message.Verbatim("drift")}
	return report.Document{
		Plan: &plan.Plan{Actions: []plan.Action{link}, Findings: []finding.Finding{finding.New("drift", message.Verbatim("a word")).At("a.yaml", 3, 1)}},
		Change: &report.Change{
			Whole:   plan.Plan{Actions: []plan.Action{bind, link}},
			Pending: []plan.Action{bind},
			Touched: []report.Touched{{Change: report.Added, Instance: "i", Binding: "b", File: "x/a.yaml", Changes: []plan.Change{
				{Field: "address", From: "http://x"}, {Field: "repositories[n/a].source", To: "n/\x1b[31ma"}, {Field: "username", From: "ci", To: "robot"},
			}}},
		},
		Basis: report.Basis{Depth: depth, Base: "main", Head: "WORKTREE"},
	}
}

func writeAs(t *testing.T, format report.Format, d report.Document) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.Write(&out, format, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTextOfAChangeHasWhatItBringsApart(t *testing.T) {
	d := sampleChange(report.Live)
	want := `Base: main, Head: WORKTREE
  + added: b of i (x/a.yaml)
      - address: http://x
      + repositories[n/a].source: n/\u001b[31ma
      ~ username: ci → robot

  +   add

i

  +   link n/a (b)
        declared and not linked

` + strings.SplitAfter(writeAs(t, report.FormatText, report.Document{Findings: d.Plan.Findings}), "\n\n")[0] +
		strings.SplitAfter(writeAs(t, report.FormatText, report.Document{Findings: d.Plan.Findings}), "\n\n")[1] + `
Bindings: 1 added.
This change: 1 to link. Already pending: 1 to bind.
  i: bind b\u001b[31m (GitLab account): drift
Digest of the whole plan: ` + d.Change.Whole.Digest() + `
Asked: the registry and the secret store's metadata. The code hosts were not; --preflight asks them too.
`
	if diff := cmp.Diff(want, writeAs(t, report.FormatText, d)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTextOfAChangeShowsManyFieldsOnlyInFull(t *testing.T) {
	d := sampleChange(report.Offline)
	d.Change.Touched[0].Changes = nil
	for i := range 23 {
		d.Change.Touched[0].Changes = append(d.Change.Touched[0].Changes, plan.Change{Field: fmt.Sprintf("field%02d", i), To: "x"})
	}
	short := writeAs(t, report.FormatText, d)
	if !strings.Contains(short, "field19: x\n      … 3 more fields (--full shows all)\n") || strings.Contains(short, "field20") {
		t.Errorf("got %s", short)
	}
	var full bytes.Buffer
	if err := report.Write(&full, report.FormatText, d, report.Options{Style: report.Style{Full: true}}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(full.String(), "field22: x\n") || strings.Contains(full.String(), "more") {
		t.Errorf("got %s", full.String())
	}
}

func TestTextOfAChangeThatDoesNothingSaysSo(t *testing.T) {
	d := report.Document{Plan: &plan.Plan{}, Change: &report.Change{}, Basis: report.Basis{Depth: report.Live}}
	if got := writeAs(t, report.FormatText, d); !strings.HasPrefix(got, "This change: nothing to do.\n") {
		t.Errorf("got %s", got)
	}
	d.Basis.Depth = report.Offline
	if got := writeAs(t, report.FormatText, d); strings.Contains(got, "nothing to do") {
		t.Errorf("offline nobody knows, but got %s", got)
	}
}

func TestJSONOfAChangeKeepsToThePublishedSchema(t *testing.T) {
	validateOwn(t, []byte(writeAs(t, report.FormatJSON, sampleChange(report.Live))))
	nothing := writeAs(t, report.FormatJSON, report.Document{Plan: &plan.Plan{}, Change: &report.Change{}})
	validateOwn(t, []byte(nothing))
	for _, want := range []string{`"touched": []`, `"pending": []`} {
		if !strings.Contains(nothing, want) {
			t.Errorf("no %s in %s", want, nothing)
		}
	}
	if plain := writeAs(t, report.FormatJSON, report.Document{Plan: &plan.Plan{}}); strings.Contains(plain, "pending") {
		t.Errorf("a plan of no change has what was pending: %s", plain)
	}
}

func TestMarkdownOfAChangeHasBothParts(t *testing.T) {
	d := sampleChange(report.Live)
	got := writeAs(t, report.FormatMarkdown, d)
	checkMarkdown(t, got, report.Marker("plan"), d.Change.Whole.Digest(), 65536)
	for _, want := range []string{
		"This change touches 1 binding", "- `+` added: `b` of `i` (`x/a.yaml`)\n  - `-` `address`: `http://x`\n  - `+` ",
		"  - `~` `username`: `ci` → `robot`\n",
		"Already pending: 1 action", "This change: 1 to link. Already pending: 1 to bind.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
