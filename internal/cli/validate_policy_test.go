package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/config"
	"reconciler/internal/manifest"
)

func TestReadPoliciesWantsPolicies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := readPolicies(dir); err == nil {
		t.Error("a folder without policies is taken for one without restrictions")
	}
	if _, err := readPolicies(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing folder is taken")
	}
	if err := os.WriteFile(filepath.Join(dir, "a.cue"), []byte("policies: {"), 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]int{dir: 1, "": 0} {
		policies, err := readPolicies(folder)
		found := manifest.Load(t.Context(), nil, manifest.Options{Policies: policies}).Findings
		if err != nil || len(found) != want || want > 0 && found[0].Code != "policy-invalid" {
			t.Errorf("folder %q: findings %v, error %v", folder, found, err)
		}
	}
}

func TestPolicyRootsAreTheFoldersThatPathsBeginAt(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.MkdirAll("declarations/team", 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("a.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := policyRoots([]string{"./declarations/", "a.yaml"}, config.Source{Git: &config.Git{Path: "bindings"}})
	if diff := cmp.Diff([]string{"declarations", "bindings"}, got); diff != "" {
		t.Error(diff)
	}
	got = policyRoots([]string{"a.yaml"}, config.Source{Folder: &config.Folder{Path: filepath.Join(dir, "declarations")}})
	if diff := cmp.Diff([]string{"declarations"}, got); diff != "" {
		t.Error(diff)
	}
}
