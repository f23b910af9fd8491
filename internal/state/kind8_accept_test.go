package state_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8AnAcceptedJournalRotates damages a journal, accepts it, and writes
// until several segments follow: the segments from before are missed by nobody.
func TestKind8AnAcceptedJournalRotates(t *testing.T) {
	t.Parallel()
	for _, keep := range []uint64{2, 3, 8} {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			reopen := func() *state.Store {
				s, err := state.OpenWith(path, nil, 2000, keep)
				must(t, err)
				return s
			}
			s := reopen()
			must(t, s.PutRecord(t.Context(), record("i0", "first")))
			must(t, s.Close())
			must(t, os.RemoveAll(state.JournalFolder(path)))
			s = reopen()
			_, err := s.Accept(t.Context(), binding.Person{By: "Ada"}, 0, time.Now())
			must(t, err)
			for n := range 100 {
				must(t, s.PutRecord(t.Context(), record("i0", fmt.Sprint("b", n))))
				if n%10 > 0 {
					continue
				}
				must(t, s.Close())
				if s = reopen(); s.Damage() != nil {
					t.Fatalf("after %d records: %v", n+1, s.Damage())
				}
			}
			must(t, s.Close())
			found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
			if err != nil || found.Damage != nil || found.Segments < 2 || found.Segments > int(keep) {
				t.Errorf("%+v, %v", found, err)
			}
		})
	}
}
