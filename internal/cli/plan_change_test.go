package cli

import (
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

func declared(name, file, username string) binding.Declaration {
	return binding.Declaration{Name: name, File: file, Spec: binding.Spec{Instance: "i", Username: username}}
}

func TestTouchedTellsWhatIsDeclaredDifferently(t *testing.T) {
	base := plan.Desired{Declarations: []binding.Declaration{
		declared("same", "old.yaml", "u"), declared("other", "a.yaml", "u"), declared("gone", "b.yaml", "u"), declared("unreadable", "c.yaml", "u"),
	}}
	head := plan.Desired{Broken: []string{"c.yaml"}, Declarations: []binding.Declaration{
		declared("same", "moved.yaml", "u"), declared("other", "a.yaml", "v"), declared("new", "d.yaml", "u"),
	}}
	reordered := base.Declarations[0]
	reordered.Name, reordered.Spec.Repositories = "ordered", []binding.Repository{{Image: "a/b"}, {Image: "c/d"}}
	base.Declarations = append(base.Declarations, reordered)
	reordered.Spec.Repositories = []binding.Repository{{Image: "c/d"}, {Image: "a/b"}}
	head.Declarations = append(head.Declarations, reordered)
	want := []report.Touched{
		{Change: report.Removed, Instance: "i", Binding: "gone", File: "b.yaml", Removal: report.RemovalKept},
		{Change: report.Added, Instance: "i", Binding: "new", File: "d.yaml"},
		{Change: report.Changed, Instance: "i", Binding: "other", File: "a.yaml", Changes: []plan.Change{{Field: "username", From: "u", To: "v"}}},
		{Change: report.Broken, Instance: "i", Binding: "unreadable", File: "c.yaml"},
	}
	got := touched(base, head)
	for i := range got[:min(2, len(got))] {
		if !slices.ContainsFunc(got[i].Changes, func(c plan.Change) bool { return c.Field == "username" && c.From+c.To == "u" }) {
			t.Errorf("%s: %v", got[i].Binding, got[i].Changes)
		}
		got[i].Changes = nil
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestNewFindingsAreThoseThatBaseDoesNotHave(t *testing.T) {
	moved := finding.New("drift", message.Verbatim("old")).At("a.yaml", 3, 1)
	unknown := func(instance string) finding.Finding {
		f := finding.New("observation-unknown", message.Verbatim("instance "+instance+": no answer"))
		f.Instance = instance
		return f
	}
	account := finding.New("observation-unknown", message.Verbatim("b: no answer")).At("b.yaml", 1, 1)
	base := []finding.Finding{moved, unknown("i"), unknown("j"), account}
	head := []finding.Finding{moved.At("a.yaml", 9, 1), finding.New("drift", message.Verbatim("new")).At("a.yaml", 3, 1), unknown("i"), unknown("j"), account}
	for _, tt := range []struct {
		touched []report.Touched
		want    []finding.Finding
	}{
		{nil, head[1:2]},
		{[]report.Touched{{Instance: "i", File: "a.yaml"}}, head[1:3]},
		{[]report.Touched{{Instance: "k", File: "b.yaml"}}, []finding.Finding{head[1], account}},
	} {
		if diff := cmp.Diff(tt.want, newFindings(base, head, tt.touched)); diff != "" {
			t.Errorf("touched %v (-want +got)\n%s", tt.touched, diff)
		}
	}
}

func TestFolderInCloneIsNamedFromItsRoot(t *testing.T) {
	root := t.TempDir()
	for name, test := range map[string]struct {
		source config.Source
		want   string
		fails  bool
	}{
		"git":             {source: config.Source{Git: &config.Git{Path: "/a/b/"}}, want: "a/b"},
		"git at the root": {source: config.Source{Git: &config.Git{}}},
		"folder":          {source: config.Source{Folder: &config.Folder{Path: filepath.Join(root, "a", "b")}}, want: "a/b"},
		"the root":        {source: config.Source{Folder: &config.Folder{Path: root}}},
		"outside":         {source: config.Source{Folder: &config.Folder{Path: filepath.Dir(root)}}, fails: true},
	} {
		got, err := folderInClone(test.source, root)
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: got %q, %v, want %q", name, got, err, test.want)
		}
	}
}

// A session of `plan` has an engine that cannot write, and nothing of a
// registry to write with.
func TestAPlansEngineHasNoMethodThatWrites(t *testing.T) {
	var got []string
	for m := range reflect.TypeFor[planner]().Methods() {
		got = append(got, m.Name)
	}
	if diff := cmp.Diff([]string{"Check", "PlanEach"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
