package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

func TestCopyHoldsWhatWasWrittenAndLeavesTheFileAlone(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "state.db"), filepath.Join(t.TempDir(), "copy.db")
	s, err := state.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutRecord(t.Context(), binding.Record{Instance: "i", Binding: "b", Platform: binding.GitLab, TokenVersion: 7}); err != nil {
		t.Fatal(err)
	}
	if err := state.Copy(from, to); !errors.Is(err, state.ErrLocked) {
		t.Errorf("copy beside a writer: got %v, want ErrLocked", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := state.Copy(from, to); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(from); err != nil || string(after) != string(before) {
		t.Errorf("the file was written to (%v)", err)
	}
	c, err := state.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	records, err := c.Records(t.Context(), "i")
	if err != nil || len(records) != 1 || records[0].TokenVersion != 7 {
		t.Errorf("got %v, %v", records, err)
	}
}

func TestCopyOfNothingAndOfADamagedFile(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "state.db"), filepath.Join(t.TempDir(), "copy.db")
	if err := state.Copy(from, to); err != nil {
		t.Errorf("missing file: %v", err)
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("a copy of nothing was made")
	}
	if err := os.WriteFile(from, []byte("not a state file"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := state.Copy(from, to); err != nil {
		t.Fatal(err)
	}
	s, err := state.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Notice() == "" {
		t.Error("the damaged copy was opened without a word")
	}
}
