package cli

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/daemon"
	"reconciler/internal/finding"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
)

func declared(name, file, username string) binding.Declaration {
	return binding.Declaration{Name: name, File: file, Spec: binding.Spec{Instance: "i", Username: username}}
}

func TestTouchedTellsWhatIsDeclaredDifferently(t *testing.T) {
	base := reconcile.Desired{Declarations: []binding.Declaration{
		declared("same", "old.yaml", "u"), declared("other", "a.yaml", "u"), declared("gone", "b.yaml", "u"), declared("unreadable", "c.yaml", "u"),
	}}
	head := reconcile.Desired{Broken: []string{"c.yaml"}, Declarations: []binding.Declaration{
		declared("same", "moved.yaml", "u"), declared("other", "a.yaml", "v"), declared("new", "d.yaml", "u"),
	}}
	want := []report.Touched{
		{Change: report.Removed, Instance: "i", Binding: "gone", File: "b.yaml"},
		{Change: report.Added, Instance: "i", Binding: "new", File: "d.yaml"},
		{Change: report.Changed, Instance: "i", Binding: "other", File: "a.yaml"},
	}
	if diff := cmp.Diff(want, touched(base, head)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNewFindingsAreThoseThatBaseDoesNotHave(t *testing.T) {
	moved := finding.New("drift", "old").At("a.yaml", 3, 1)
	base := []finding.Finding{moved, finding.New("observation-unknown", "no answer")}
	head := []finding.Finding{moved.At("a.yaml", 9, 1), finding.New("drift", "new").At("a.yaml", 3, 1), base[1]}
	if diff := cmp.Diff(head[1:], newFindings(base, head)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestFolderInCloneIsNamedFromItsRoot(t *testing.T) {
	root := t.TempDir()
	for name, test := range map[string]struct {
		source daemon.SourceConfig
		want   string
		fails  bool
	}{
		"git":             {source: daemon.SourceConfig{Git: &daemon.GitConfig{Path: "/a/b/"}}, want: "a/b"},
		"git at the root": {source: daemon.SourceConfig{Git: &daemon.GitConfig{}}},
		"folder":          {source: daemon.SourceConfig{Folder: &daemon.FolderConfig{Path: filepath.Join(root, "a", "b")}}, want: "a/b"},
		"the root":        {source: daemon.SourceConfig{Folder: &daemon.FolderConfig{Path: root}}},
		"outside":         {source: daemon.SourceConfig{Folder: &daemon.FolderConfig{Path: filepath.Dir(root)}}, fails: true},
	} {
		got, err := folderInClone(test.source, root)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, test.want)
		}
	}
}
