package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/config"
)

func TestReportsNameFilesFromTheRepositorysRoot(t *testing.T) {
	top := filepath.Join(t.TempDir(), "r")
	for _, dir := range []string{"infra/bindings", "ci", "other/deep/er"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("git", "init", "-q", top).CombinedOutput(); err != nil {
		t.Skipf("git: %v: %s", err, out)
	}
	// Two declarations of one name: each message names the other's place.
	for i := range 2 {
		text := fmt.Sprintf("apiVersion: reconciler/v1alpha1\nkind: SourceBinding\nmetadata: {name: same}\n"+
			"spec: {instance: p%d, platform: bitbucket, username: me}\n", i)
		if err := os.WriteFile(filepath.Join(top, "infra/bindings", fmt.Sprintf("f%d.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"../link": "r/infra", "inner": "infra/bindings"} {
		if err := os.Symlink(to, filepath.Join(top, link)); err != nil {
			t.Fatal(err)
		}
	}
	first := map[string]string{}
	for _, from := range []struct{ dir, path string }{
		{"", "infra/bindings"},
		{"", filepath.Join(top, "infra/bindings")},
		{"", "./infra/../infra/bindings/"},
		{"ci", "../infra/bindings"},
		{"infra", "bindings"},
		{"infra/bindings", "."},
		{"other/deep/er", "../../../infra/bindings"},
		{"..", "r/infra/bindings"},
		{"", "inner"},
		{"inner", "."},
		{"..", "link/bindings"},
		{"../link", "bindings"},
		{"../link/bindings", filepath.Join(top, "inner")},
	} {
		t.Chdir(filepath.Clean(top + "/" + from.dir))
		for _, format := range []string{"sarif", "codequality", "junit", "github"} {
			var out, errs bytes.Buffer
			Main(t.Context(), []string{"validate", from.path, "-o", format}, Streams{Out: &out, Err: &errs})
			got := out.String()
			if first[format] == "" {
				first[format] = got
			}
			if !strings.Contains(got, "infra/bindings/f0.yaml") || got != first[format] {
				t.Errorf("in %q, %s of %s, want the same as from the top:\n%s%s", from.dir, format, from.path, got, errs.String())
			}
		}
	}
}

func TestFilesOfASourceAreNamedFromTheRepositorysRoot(t *testing.T) {
	top := t.TempDir()
	outside := t.TempDir()
	t.Chdir(outside)
	for _, dir := range []string{"objects", "refs"} {
		if err := os.MkdirAll(filepath.Join(top, ".git", dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(top, ".git/HEAD"), []byte("ref: refs/heads/main\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := func(path string) config.Source { return config.Source{Folder: &config.Folder{Path: path}} }
	for _, tt := range []struct {
		name   string
		source config.Source
		want   string
	}{
		{"a folder in a clone", folder(filepath.Join(top, "a/b")), "a/b/x.yaml"},
		{"the clone itself", folder(top), "x.yaml"},
		{"a folder in no clone", folder(filepath.Join(outside, "a")), "a/x.yaml"},
		{"a git source's path", config.Source{Git: &config.Git{Path: "a/b"}}, "a/b/x.yaml"},
	} {
		if got := sourceFromRoot(tt.source)("x.yaml"); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
