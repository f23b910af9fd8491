package examples

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
	"reconciler/internal/source/folder"
)

// policyDay is the one that README.md names: a policy counts days from it.
func policyDay() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }

func examplePolicies(t *testing.T) manifest.Policies {
	t.Helper()
	names, err := filepath.Glob("policy/*.cue")
	if err != nil || len(names) != 3 {
		t.Fatalf("policies %q: %v", names, err)
	}
	var files []binding.File
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, binding.File{Path: name, Data: data})
	}
	policies := manifest.ParsePolicies(files)
	if found := manifest.Load(t.Context(), nil, manifest.Options{Policies: policies}).Findings; len(found) > 0 {
		t.Fatalf("the policies have findings: %+v", found)
	}
	return policies
}

func heldToPolicies(t *testing.T, path string) manifest.Result {
	t.Helper()
	src, err := folder.New(folder.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, _, err := src.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return manifest.Load(t.Context(), snapshot.Files, manifest.Options{Now: policyDay(), Policies: examplePolicies(t)})
}

func TestPoliciesLetGoodDeclarationsThrough(t *testing.T) {
	got := heldToPolicies(t, "policy/good")
	for _, f := range got.Findings {
		if f.Severity == finding.Error {
			t.Errorf("%s:%d %s: %s", f.File, f.Line, f.Code, f.Message)
		}
	}
	if len(got.Declarations) != 3 {
		t.Errorf("%d declarations", len(got.Declarations))
	}
}

func TestPoliciesRefuseBadDeclarations(t *testing.T) {
	var got []string
	for _, f := range heldToPolicies(t, "policy/bad").Findings {
		if strings.HasPrefix(f.Code, "policy-") {
			got = append(got, fmt.Sprintf("%s:%d:%d %s %s %s", f.File, f.Line, f.Column, f.Severity, f.Path, report.English().Text(f.Message)))
		}
	}
	want := []string{
		"payments/endless.yaml:11:5 error spec.token.expires a token's last day is written, and at most 90 days away (policy/token-90-days.cue:5)",
		"payments/http.yaml:9:12 error spec.address a GitLab address uses https (policy/https-only.cue:4)",
		"payments/long.yaml:13:14 error spec.token.expires a token's last day is written, and at most 90 days away (policy/token-90-days.cue:5)",
		"root.yaml:2:1 error  a team's folder names only secrets below secret/acr/ and its own name (policy/own-vault-path.cue:8)",
		"web/mount.yaml:12:20 error spec.token.vault.mount a team's folder names only secrets below secret/acr/ and its own name (policy/own-vault-path.cue:8)",
		"web/theirs.yaml:12:34 error spec.token.vault.path a team's folder names only secrets below secret/acr/ and its own name (policy/own-vault-path.cue:8)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPolicyReadmeNamesEveryFile(t *testing.T) {
	readme, err := os.ReadFile("policy/README.md")
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob("policy/*.cue")
	for _, name := range names {
		if !strings.Contains(string(readme), "`"+filepath.Base(name)+"`") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}
