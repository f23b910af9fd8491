package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// samplePlanFile has every field.
func samplePlanFile() report.PlanFile {
	return report.PlanFile{
		Plan: plan.Plan{
			Actions: []plan.Action{
				{
					Instance: "i", Binding: "b", Platform: binding.GitLab, Object: binding.AccountObject(), Kind: plan.Bind, Cause: plan.CauseAbsent, Reason: message.Verbatim("declared \x1b[31m"),
					Changes: []plan.Change{{Field: "username", To: "ci-bot"}}, Steps: []message.Message{message.Verbatim("one"), message.Verbatim("two")},
				},
				{Instance: "i", Binding: "c", Platform: binding.GitHub, Object: binding.AccountObject(), Kind: plan.Forbidden, Cause: plan.CauseEmptySnapshot, Reason: message.Verbatim("no"), Safety: true},
			},
			Findings: []finding.Finding{finding.New("drift", message.Verbatim("a word")).At("a.yaml", 3, 1)},
		},
		Basis:    report.Basis{Depth: report.Live, Base: "main", Head: "WORKTREE"},
		Revision: "4be1", Observation: "sha256:" + strings.Repeat("0", 64),
	}
}

func writePlanFile(t *testing.T, f report.PlanFile) string {
	t.Helper()
	var out bytes.Buffer
	if err := report.WritePlanFile(&out, f); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAPlanFileIsReadAsItWasWritten(t *testing.T) {
	want := samplePlanFile()
	text := writePlanFile(t, want)
	validateOwn(t, []byte(text))
	got, err := report.ReadPlanFile(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Plan.Digest() != want.Plan.Digest() {
		t.Error("another digest")
	}
}

func TestWhatIsNoPlanFileIsRefused(t *testing.T) {
	good := writePlanFile(t, samplePlanFile())
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "it is not a plan file"},
		"YAML":            {"kind: PlanFile\n", "it is not a plan file"},
		"a plan":          {`{"apiVersion": "reconciler/v1alpha1", "kind": "Plan"}`, "it is not a plan file"},
		"another version": {strings.Replace(good, "v1alpha1", "v9", 1), `its apiVersion is "reconciler/v9"`},
		"another field":   {strings.Replace(good, `"revision"`, `"token": "x", "revision"`, 1), "unknown field"},
		"no revision":     {strings.Replace(good, `"revision": "4be1"`, `"revision": ""`, 1), "it has no revision"},
		"another action":  {strings.Replace(good, `"action": "bind"`, `"action": "unbind"`, 1), "its digest is not that of its actions"},
		"an earlier one":  {strings.Replace(good, `"cause": "empty-snapshot",`, "", 1), "an earlier version wrote it"},
		"another cause":   {strings.Replace(good, `"cause": "absent"`, `"cause": "drift"`, 1), "its digest is not that of its actions"},
		"another digest":  {strings.Replace(good, `"digest": "sha256:`, `"digest": "sha256:0`, 1), "its digest is not that of its actions"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := report.ReadPlanFile(strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestPlanFileSchemaHasTheFieldsOfTheFile(t *testing.T) {
	var written map[string]any
	if err := json.Unmarshal([]byte(writePlanFile(t, samplePlanFile())), &written); err != nil {
		t.Fatal(err)
	}
	for _, name := range properties(t, "planfile.json", "") {
		if written[name] == nil {
			t.Errorf("%s is in the schema and not in a file with every field", name)
		}
	}
}

func TestPlanDifferenceTellsEachKindOfDifference(t *testing.T) {
	was, is := samplePlanFile().Plan, samplePlanFile().Plan
	is.Actions = []plan.Action{is.Actions[0], {Instance: "j", Binding: "d", Platform: binding.GitLab, Object: binding.RepositoryObject("n/a"), Kind: plan.Link, Cause: plan.CauseAbsent, Reason: message.Verbatim("new")}}
	is.Actions[0].Kind = plan.Rebind
	is.Actions[0].Changes = []plan.Change{{Field: "username", From: "old", To: "ci-bot"}, {Field: "address", From: "gone"}}
	var out bytes.Buffer
	if err := report.PlanDifference(&out, was, is, report.Style{}); err != nil {
		t.Fatal(err)
	}
	want := `i
  ~ rebind b (GitLab account)
      - bind b (GitLab account)
      - username: ci-bot
      + rebind b (GitLab account)
      + username: old → ci-bot
      + address: gone → (none)
j
  + link n/a (d)
      + new
i
  - forbidden c (GitHub account)
      - no
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func FuzzReadPlanFile(f *testing.F) {
	var out bytes.Buffer
	if err := report.WritePlanFile(&out, samplePlanFile()); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{out.String(), "", "{}", `{"kind":"PlanFile","apiVersion":"reconciler/v1alpha1","plan":{"actions":[{}]}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read, err := report.ReadPlanFile(bytes.NewReader(data))
		if err != nil {
			return
		}
		again, err := report.ReadPlanFile(strings.NewReader(writePlanFile(t, read)))
		if err != nil {
			t.Fatalf("what was read cannot be written and read again: %v", err)
		}
		if read.Plan.Digest() != again.Plan.Digest() {
			t.Error("written and read again, it is another plan")
		}
	})
}
