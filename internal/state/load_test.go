package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

func TestLoadHoldsWhatWasWrittenAndLeavesTheFileAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutRecord(t.Context(), binding.Record{Instance: "i", Binding: "b", Platform: binding.GitLab, TokenVersion: 7}); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Load(path); !errors.Is(err, state.ErrLocked) {
		t.Errorf("load beside a writer: got %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := state.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was written to (%v)", err)
	}
	records, err := c.Records(t.Context(), "i")
	if err != nil || len(records) != 1 || records[0].TokenVersion != 7 {
		t.Errorf("got %v, %v", records, err)
	}
}

func TestLoadOfNothingAndOfADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	empty, err := state.Load(path)
	if err != nil {
		t.Fatalf("missing file: %v", err)
	}
	if key, err := empty.Key(); err != nil || len(key) != 32 || !empty.Notice().IsZero() {
		t.Errorf("missing file: key of %d bytes, notice %q, %v", len(key), empty.Notice(), err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made")
	}
	if err := os.WriteFile(path, []byte("not a state file"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := state.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Notice().IsZero() {
		t.Error("a damaged file was read without a notice")
	}
}
