package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"reconciler/internal/state"
)

// TestKind8AJournalThatIsTakenAwayTakesNoWrites: a write to a file that nobody
// will find again does not count.
func TestKind8AJournalThatIsTakenAwayTakesNoWrites(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, folder, segment string){
		"the folder is removed":  func(t *testing.T, folder, _ string) { must(t, os.RemoveAll(folder)) },
		"the folder is moved":    func(t *testing.T, folder, _ string) { must(t, os.Rename(folder, folder+".old")) },
		"the segment is removed": func(t *testing.T, _, segment string) { must(t, os.Remove(segment)) },
		"the segment is replaced by a copy": func(t *testing.T, _, segment string) {
			data, err := os.ReadFile(segment)
			must(t, err)
			must(t, os.Remove(segment))
			must(t, os.WriteFile(segment, data, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			s := open(t, path)
			must(t, s.PutRecord(t.Context(), record("i0", "before")))
			if err := s.Unwritten(); err != nil {
				t.Errorf("all is written, and it says %v", err)
			}
			files := segments(t, path)
			take(t, state.JournalFolder(path), files[len(files)-1])
			if s.Unwritten() == nil {
				t.Error("it says that it takes writes before the first one")
			}
			if err := s.PutSuspension(t.Context(), suspension("i0", "incident")); err == nil {
				t.Error("a suspension was accepted")
			}
			if s.Unwritten() == nil {
				t.Error("it does not say that nothing is written")
			}
			if held, err := s.Suspensions(t.Context(), "i0"); err != nil || len(held) > 0 {
				t.Errorf("%v, %v: what was refused counts", held, err)
			}
			_ = s.Close()
		})
	}
}

// TestKind8AFullDiskTakesNoWritesUntilThereIsSpace: that nothing has to be written does
// not show that something could be.
func TestKind8AFullDiskTakesNoWritesUntilThereIsSpace(t *testing.T) {
	t.Parallel()
	full := false
	s, err := state.OpenWith(filepath.Join(t.TempDir(), "state.db"), func(step string, size int) (int, error) {
		if full && (step == "write" || step == "reserve") {
			return 0, syscall.ENOSPC
		}
		return size, nil
	}, 8<<20, 3)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.PutRecord(t.Context(), record("one", "a")))
	full = true
	if err := s.PutRecord(t.Context(), record("one", "b")); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ENOSPC", err)
	}
	must(t, s.PutRecord(t.Context(), record("one", "a"))) // It is so already.
	if err := s.Unwritten(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("the disk is full, and it says %v", err)
	}
	full = false
	must(t, s.PutRecord(t.Context(), record("one", "a")))
	if err := s.Unwritten(); err != nil {
		t.Errorf("there is space again, and it says %v", err)
	}
}
