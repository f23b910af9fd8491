package folder_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/source/folder"
)

// A program that writes a file in place empties it first: what is empty for a
// moment is not read as empty.
func TestAFileThatIsBeingWrittenIsNotReadAsEmpty(t *testing.T) {
	for _, name := range []string{"a.yaml", "team/b.yaml", ".reconcilerignore", "policy/p.cue"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			put := func(text string) {
				if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
					t.Error(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "drafts.yaml"), []byte("y: 2\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := folder.New(folder.Options{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			put("drafts.yaml\n")
			whole, _, err := s.Snapshot(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			put("")
			time.AfterFunc(100*time.Millisecond, func() { put("drafts.yaml\n") })
			if got, _, err := s.Snapshot(t.Context(), ""); err != nil || got.Revision != whole.Revision {
				t.Errorf("revision %q, want %q: %v", got.Revision, whole.Revision, err)
			}
			put("")
			if got, _, err := s.Snapshot(t.Context(), ""); err != nil || got.Revision == whole.Revision {
				t.Errorf("a file that stays empty: %q, %v", got.Revision, err)
			}
		})
	}
}
