package folder_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASnapshotHasThePoliciesAndTheyAreItsRevision(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.yaml"), "a")
	put(t, filepath.Join(dir, "policy/p.cue"), "1")
	s := open(t, dir)
	first := read(t, s, "")
	if len(first.Policies) != 1 || first.Policies[0].Path != "policy/p.cue" || string(first.Policies[0].Data) != "1" || len(first.Files) != 1 {
		t.Errorf("%+v", first)
	}
	put(t, filepath.Join(dir, "policy/p.cue"), "2")
	second := read(t, s, first.Revision)
	if second.Revision == first.Revision || string(second.Policies[0].Data) != "2" {
		t.Errorf("%+v", second)
	}
	link(t, filepath.Join(t.TempDir(), "elsewhere.cue"), filepath.Join(dir, "policy/q.cue"))
	third := read(t, s, second.Revision)
	if diff := cmp.Diff([]string{"source-symlink policy/q.cue", "source-file-unreadable policy/q.cue"}, codes(third)); diff != "" || len(third.Policies) != 2 || third.Policies[1].Data != nil {
		t.Error(diff, third.Policies)
	}
}
