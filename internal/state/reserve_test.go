package state_test

import (
	"path/filepath"
	"testing"

	"reconciler/internal/state"
)

func TestReserveChangesNothingThatIsRemembered(t *testing.T) {
	file := open(t, filepath.Join(t.TempDir(), "state.db"))
	for _, s := range []*state.Store{file, state.NewMemory()} {
		must(t, s.PutRecord(t.Context(), record("one", "a")))
		must(t, s.Reserve(t.Context()))
		must(t, s.Reserve(t.Context()))
		got, err := s.Records(t.Context(), "one")
		if err != nil || len(got) != 1 {
			t.Errorf("after Reserve: %v, %v", got, err)
		}
	}
}
