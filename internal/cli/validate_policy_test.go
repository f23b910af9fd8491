package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/config"
)

func TestReadPoliciesWantsPolicies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, _, err := readPolicies(dir); err == nil {
		t.Error("a folder without policies is taken for one without restrictions")
	}
	if _, _, err := readPolicies(filepath.Join(dir, "none")); err == nil {
		t.Error("a missing folder is taken")
	}
	if err := os.WriteFile(filepath.Join(dir, "a.cue"), []byte("policies: {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, found, err := readPolicies(dir); err != nil || len(found) != 1 || found[0].Code != "policy-invalid" {
		t.Errorf("findings %v, error %v", found, err)
	}
	if _, found, err := readPolicies(""); err != nil || found != nil {
		t.Errorf("no folder: %v, %v", found, err)
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
