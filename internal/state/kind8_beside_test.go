package state_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8AStateFileBesideAJournalOfSomethingElseReplacesNothing puts a state
// file beside a journal that was not made from it: what the journal holds stays,
// and nothing is changed until a person accepts that.
func TestKind8AStateFileBesideAJournalOfSomethingElseReplacesNothing(t *testing.T) {
	t.Parallel()
	wrote := func(t *testing.T, path string) {
		t.Helper()
		edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("revisions")).Put([]byte("none"), []byte("other")) })
	}
	for name, put := range map[string]func(t *testing.T, path string){
		"of an earlier version": earlier,
		"of an earlier version, after the move of the same file": func(t *testing.T, path string) {
			must(t, os.RemoveAll(state.JournalFolder(path)))
			must(t, os.Remove(path))
			earlier(t, path)
			filled(t, path)
			earlier(t, path)
		},
		"made empty by an earlier version": func(t *testing.T, path string) {
			must(t, os.Remove(path))
			other := filepath.Join(t.TempDir(), "state.db")
			must(t, open(t, other).Close())
			downgrade(t, other)
			must(t, os.Rename(other, path))
		},
		"an older copy that an earlier version wrote to": func(t *testing.T, path string) {
			old, err := os.ReadFile(path)
			must(t, err)
			s := open(t, path)
			must(t, s.PutSuspension(t.Context(), suspension("i0", "newer")))
			must(t, s.Close())
			must(t, os.WriteFile(path, old, 0o600))
			wrote(t, path)
		},
		"of an earlier version, and the journal is damaged": func(t *testing.T, path string) {
			earlier(t, path)
			flip(t, segments(t, path)[1], 700)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			filled(t, path)
			put(t, path)
			beside, err := os.ReadFile(path)
			must(t, err)
			want := restoredFrom(t, path)
			found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
			if err != nil || found.Damage == nil {
				t.Fatalf("ReadJournal: %+v, %v", found, err)
			}
			if err := state.Probe(path); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("probe: %v", err)
			}
			loaded, err := state.Load(path)
			must(t, err)
			sameButSuspended(t, "loaded", want, everything(t, loaded))
			for range 2 {
				s := open(t, path)
				refuses(t, s, *found.Damage)
				sameButSuspended(t, "opened", want, everything(t, s))
				must(t, s.Close())
			}
			s := open(t, path)
			_, err = s.Accept(t.Context(), binding.Person{By: "Ada"}, 0, time.Now())
			must(t, err)
			for range 2 {
				if s.Damage() != nil {
					t.Errorf("accepted: %v", s.Damage())
				}
				sameButSuspended(t, "accepted", want[:len(want)-3], everything(t, s))
				must(t, s.Close())
				s = open(t, path)
			}
			if kept, err := os.ReadFile(path + ".broken-1"); err != nil || len(kept) < len(beside)/2 {
				t.Errorf("the state file was not put aside: %v", err)
			}
		})
	}
}

// restoredFrom is what the journal at path adds up to.
func restoredFrom(t *testing.T, path string) []any {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "state.db")
	must(t, os.CopyFS(state.JournalFolder(copied), os.DirFS(state.JournalFolder(path))))
	s := open(t, copied)
	defer s.Close()
	return everything(t, s)
}

// sameButSuspended compares all that stores hold but the suspensions, which a
// damaged journal adds to.
func sameButSuspended(t *testing.T, when string, want, got []any) {
	t.Helper()
	for i := range want {
		if _, is := want[i].([]binding.Suspension); !is && !cmp.Equal(want[i], got[i]) {
			t.Errorf("%s: %s", when, cmp.Diff(want[i], got[i]))
		}
	}
}

// TestKind8WhatAnEarlierVersionWroteMoves, also where the move is interrupted at
// any step: it is repeated.
func TestKind8WhatAnEarlierVersionWroteMovesAlsoIfThatIsInterrupted(t *testing.T) {
	t.Parallel()
	for at, ended := 0, false; !ended; at++ {
		path := filepath.Join(t.TempDir(), "state.db")
		holds := filled(t, path)
		edit(t, path, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("revisions")).Put([]byte("i0"), []byte("newer")) })
		n := 0
		s, err := state.OpenWith(path, func(_ string, size int) (int, error) {
			if n++; n > at {
				return size / 2, syscall.ENOSPC
			}
			return size, nil
		}, 8<<20, 8)
		if ended = n <= at; err == nil {
			s.Crash()
		} else if ended {
			t.Fatal(err)
		}
		s = open(t, path)
		got, err := s.Revision(t.Context(), "i0")
		if err != nil || got != "newer" || s.Damage() != nil || !s.Notice().IsZero() {
			t.Fatalf("interrupted at step %d: %q, %v, damage %v, notice %q", at, got, err, s.Damage(), s.Notice())
		}
		sameButSuspended(t, "moved", holds[:4], everything(t, s)[:4])
		must(t, s.Close())
	}
}
