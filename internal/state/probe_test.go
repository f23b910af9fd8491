package state_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"reconciler/internal/state"
)

func TestProbeReadsAndChangesNothing(t *testing.T) {
	folder := t.TempDir()
	good, foreign, empty := filepath.Join(folder, "good.db"), filepath.Join(folder, "foreign.db"), filepath.Join(folder, "empty.db")
	store, err := state.Open(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Probe(good); !errors.Is(err, state.ErrLocked) {
		t.Errorf("held by another: %v, want ErrLocked", err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{foreign: bytes.Repeat([]byte("not a state file "), 999), empty: {}} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, folder)
	if err := state.Probe(good); err != nil {
		t.Errorf("a good file: %v", err)
	}
	if err := state.Probe(foreign); err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, state.ErrLocked) {
		t.Errorf("a foreign file: %v, want it called unusable", err)
	}
	for _, path := range []string{empty, filepath.Join(folder, "missing.db")} {
		if err := state.Probe(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v, want it called missing", path, err)
		}
	}
	if after := listing(t, folder); after != before {
		t.Errorf("the folder changed:\n%s\n%s", before, after)
	}
}

// listing is the names and contents of a folder's files.
func listing(t *testing.T, folder string) string {
	t.Helper()
	text := ""
	err := filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		text += path + "\n" + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}
