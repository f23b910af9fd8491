package manifest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
)

// brokenText is a declaration that cannot be used.
const brokenText = "apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: pay}\nspec: {instance: prod, platform: gitlab, usrname: x}\n"

// bound is a declaration of a GitLab account that builds some image repositories.
func bound(name, instance, platform, username string, images ...string) string {
	spec := fmt.Sprintf("{instance: %s, platform: %s, username: %s", instance, platform, username)
	if platform != "github" {
		spec += ", token: {vault: {mount: secret, path: " + name + ", key: token}}"
	}
	if platform == "gitlab" {
		spec += ", address: https://gitlab.example.com"
	}
	var repositories []string
	for _, image := range images {
		repositories = append(repositories, fmt.Sprintf("{image: %s, source: team/app}", image))
	}
	if len(repositories) > 0 {
		spec += ", repositories: [" + strings.Join(repositories, ", ") + "]"
	}
	return document(name, spec+"}")
}

// payRecord is what was applied last for the binding pay, which is declared in
// pay.yaml.
func payRecord() binding.Record {
	return binding.Record{
		Instance: "prod", Binding: "pay", Platform: binding.GitLab, Username: "ci", Address: "https://gitlab.example.com",
		Managed: true, File: "pay.yaml", Applied: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		Images: []binding.RecordedImage{{Image: "pay/api"}},
	}
}

// TestKind10TheFirstOwnerKeepsWhatANewcomerTakes: of two files that claim the
// same, the one that was applied first keeps working, whatever the order of
// their paths.
func TestKind10TheFirstOwnerKeepsWhatANewcomerTakes(t *testing.T) {
	t.Parallel()
	pay := bound("pay", "prod", "gitlab", "ci", "pay/api")
	for _, tt := range []struct {
		name  string
		files map[string]string
		// applied replaces payRecord.
		applied []binding.Record
		// declared are the valid declarations as name@file, broken are the invalid
		// files.
		declared, broken []string
	}{
		{"name on another instance", map[string]string{"pay.yaml": pay, "a/other.yaml": bound("pay", "edge", "codeup", "x")}, nil, []string{"pay@pay.yaml"}, []string{"a/other.yaml"}},
		{"name with the same account", map[string]string{"pay.yaml": pay, "a/copy.yaml": pay}, nil, []string{"pay@pay.yaml"}, []string{"a/copy.yaml"}},
		{"platform of the instance", map[string]string{"pay.yaml": pay, "a.yaml": bound("web", "prod", "gitlab", "ci")}, nil, []string{"pay@pay.yaml"}, []string{"a.yaml"}},
		{"image repository", map[string]string{"pay.yaml": pay, "a.yaml": bound("web", "prod", "github", "team", "PAY/api", "web/ui")}, nil, []string{"pay@pay.yaml"}, []string{"a.yaml"}},
		{"all three, from two newcomers", map[string]string{"pay.yaml": pay, "a.yaml": bound("pay", "edge", "codeup", "x"), "z.yaml": bound("web", "prod", "gitlab", "y", "pay/api")}, nil, []string{"pay@pay.yaml"}, []string{"a.yaml", "z.yaml"}},
		{"a newcomer in a file with others", map[string]string{"pay.yaml": pay, "a.yaml": bound("ok", "edge", "github", "me") + "---\n" + bound("pay", "edge", "codeup", "x")}, nil, []string{"pay@pay.yaml"}, []string{"a.yaml"}},
		{"the owner moved its file", map[string]string{"team/new.yaml": pay, "a.yaml": bound("pay", "edge", "codeup", "x")}, nil, []string{"pay@team/new.yaml"}, []string{"a.yaml"}},
		{"the owner was renamed in its file", map[string]string{"pay.yaml": bound("payments", "prod", "gitlab", "ci", "pay/api"), "a.yaml": bound("web", "prod", "gitlab", "ci")}, nil, []string{"payments@pay.yaml"}, []string{"a.yaml"}},
		{"the owner has another account now", map[string]string{"pay.yaml": bound("pay", "prod", "gitlab", "new"), "a.yaml": bound("web", "prod", "gitlab", "ci")}, nil, []string{"pay@pay.yaml"}, []string{"a.yaml"}},
		{"the owner went to another platform, and a copy came", map[string]string{"pay.yaml": bound("pay", "prod", "codeup", "ci"), "a.yaml": pay}, nil, []string{"pay@pay.yaml"}, []string{"a.yaml"}},
		{"two newcomers beside the owner's moved file", map[string]string{"m/pay.yaml": pay, "a.yaml": bound("pay", "prod", "gitlab", "x"), "z.yaml": bound("pay", "edge", "codeup", "x")}, nil, []string{"pay@m/pay.yaml"}, []string{"a.yaml", "z.yaml"}},
		{"the owner's file is gone", map[string]string{"a.yaml": bound("pay", "edge", "codeup", "x")}, nil, []string{"pay@a.yaml"}, nil},
		{"the owner's file is gone, the image is free", map[string]string{"a.yaml": bound("web", "prod", "github", "team", "pay/api")}, nil, []string{"web@a.yaml"}, nil},
		{"the owner handed its image on", map[string]string{"pay.yaml": bound("pay", "prod", "gitlab", "ci"), "a.yaml": bound("web", "prod", "github", "team", "pay/api")}, nil, []string{"pay@pay.yaml", "web@a.yaml"}, nil},
		{"nobody can tell which one was moved", map[string]string{"a.yaml": pay, "b.yaml": pay}, nil, nil, []string{"a.yaml", "b.yaml"}},
		{"nothing was applied", map[string]string{"pay.yaml": pay, "a.yaml": bound("pay", "edge", "codeup", "x")}, []binding.Record{}, nil, []string{"a.yaml", "pay.yaml"}},
		{"the owner's file is broken", map[string]string{"pay.yaml": brokenText, "a.yaml": bound("pay", "edge", "codeup", "x")}, nil, nil, []string{"a.yaml", "pay.yaml"}},
		{"the owner's file is broken, another one is", map[string]string{"pay.yaml": pay, "b.yaml": brokenText}, nil, []string{"pay@pay.yaml"}, []string{"b.yaml"}},
		{"an earlier owner comes back", map[string]string{"pay.yaml": pay, "old.yaml": bound("old", "prod", "gitlab", "ci")}, []binding.Record{
			{Instance: "prod", Binding: "old", Platform: binding.GitLab, Username: "ci", File: "old.yaml", Managed: true}, payRecord(),
		}, []string{"pay@pay.yaml"}, []string{"old.yaml"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var files []binding.File
			for path, text := range tt.files {
				files = append(files, binding.File{Path: path, Data: []byte(text)})
			}
			opts := manifest.Options{Now: time.Now(), Applied: []binding.Record{payRecord()}}
			if tt.applied != nil {
				opts.Applied = tt.applied
			}
			got := manifest.Load(t.Context(), files, opts)
			var declared []string
			for _, d := range got.Declarations {
				declared = append(declared, d.Name+"@"+d.File)
			}
			slices.Sort(declared)
			if diff := cmp.Diff(tt.declared, declared); diff != "" {
				t.Errorf("in force (-want +got):\n%s\n%s", diff, render(got))
			}
			if diff := cmp.Diff(tt.broken, got.Broken); diff != "" {
				t.Errorf("invalid (-want +got):\n%s\n%s", diff, render(got))
			}
		})
	}
}

// TestKind10AFileThatTheSourceCannotGiveHoldsItsName, like a file that cannot be
// parsed.
func TestKind10AFileThatTheSourceCannotGiveHoldsItsName(t *testing.T) {
	t.Parallel()
	files := []binding.File{{Path: "a.yaml", Data: []byte(bound("pay", "edge", "codeup", "x"))}}
	got := manifest.Load(t.Context(), files, manifest.Options{Now: time.Now(), Applied: []binding.Record{payRecord()}, Unreadable: []string{"pay.yaml"}})
	if !slices.Equal(got.Broken, []string{"a.yaml"}) {
		t.Errorf("invalid = %v, want a.yaml\n%s", got.Broken, render(got))
	}
}

// TestKind10WhoIsFirstDoesNotDependOnWhereFilesAreReadFrom: records name a file
// from the snapshot's root, and a plan of a change from the repository's.
func TestKind10WhoIsFirstDoesNotDependOnWhereFilesAreReadFrom(t *testing.T) {
	t.Parallel()
	pay := bound("pay", "prod", "gitlab", "ci")
	files := []binding.File{{Path: "acr/pay.yaml", Data: []byte(pay)}, {Path: "acr/a.yaml", Data: []byte(pay)}}
	got := manifest.Load(t.Context(), files, manifest.Options{Now: time.Now(), Applied: []binding.Record{payRecord()}, Roots: []string{"acr"}})
	if !slices.Equal(got.Broken, []string{"acr/a.yaml"}) {
		t.Errorf("invalid = %v, want acr/a.yaml\n%s", got.Broken, render(got))
	}
}
