package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/source/folder"
)

// day is the one that the examples are read on: a late one, for they are the
// demo's too, and no day that they name may come while somebody runs it.
func day() time.Time { return time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC) }

func loadBindings(t *testing.T, instances []string) manifest.Result {
	t.Helper()
	src, err := folder.New(folder.Options{Path: "bindings"})
	if err != nil {
		t.Fatal(err)
	}
	snapshot, _, err := src.Snapshot(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if len(snapshot.Findings) > 0 {
		t.Errorf("the folder has findings: %v", snapshot.Findings)
	}
	return manifest.Load(t.Context(), snapshot.Files, manifest.Options{Now: day(), Instances: instances})
}

func TestBindingsAreValid(t *testing.T) {
	result := loadBindings(t, []string{"prod-hangzhou", "edge-shanghai"})
	for _, f := range result.Findings {
		// A site without https shows what it costs.
		overHTTP := f.File == "edge/gitlab-http-port.yaml" && f.Code == "token-over-http" && f.Severity == finding.Warning
		if f.Severity != finding.Info && !overHTTP {
			t.Errorf("%s:%d:%d %s: %s", f.File, f.Line, f.Column, f.Code, f.Message)
		}
	}
	got := map[string]binding.Platform{}
	for _, d := range result.Declarations {
		got[d.File] = d.Spec.Platform
	}
	want := map[string]binding.Platform{
		"data/bitbucket.yaml":        binding.Bitbucket,
		"edge/gitlab-http-port.yaml": binding.GitLab,
		"payments/gitlab.yaml":       binding.GitLab,
		"platform/codeup.yaml":       binding.Codeup,
		"web/github.yaml":            binding.GitHub,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("declarations: -want +got:\n%s", diff)
	}
}

func TestBindingsReadmeNamesEveryFile(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("bindings", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range loadBindings(t, nil).Declarations {
		if !strings.Contains(string(readme), "`"+d.File+"`") {
			t.Errorf("README.md does not name %s", d.File)
		}
	}
}
