package state_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// earlier puts a state file of an earlier version at path.
func earlier(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open("../compat/testdata/v1/state.db.gz")
	must(t, err)
	defer f.Close()
	unpacked, err := gzip.NewReader(f)
	must(t, err)
	data, err := io.ReadAll(unpacked)
	must(t, err)
	must(t, os.WriteFile(path, data, 0o600))
}

// moved is all that the fixture's store answers; its instances have the names of
// the fixture.
func moved(t *testing.T, s *state.Store) (all []any) {
	t.Helper()
	add := func(v any, err error) {
		must(t, err)
		all = append(all, v)
	}
	for _, instance := range []string{"edge-shanghai", "prod-hangzhou"} {
		records, err := s.Records(t.Context(), instance)
		add(records, err)
		if len(records) == 0 {
			t.Errorf("%s has no records", instance)
		}
		intents, err := s.Intents(t.Context(), instance)
		add(intents, err)
		states, err := s.RetryStates(t.Context(), instance)
		add(states, err)
		suspensions, err := s.Suspensions(t.Context(), instance)
		add(suspensions, err)
	}
	events, err := s.Events(t.Context(), 0)
	add(events, err)
	key, err := s.Key()
	add(key, err)
	return all
}

// TestKind8AStateFileOfAnEarlierVersionMovesOnceAndLosesNothing interrupts the
// move at every step: it is repeated, and the index can be lost after it.
func TestKind8AStateFileOfAnEarlierVersionMovesOnceAndLosesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	earlier(t, path)
	loaded, err := state.Load(path)
	must(t, err)
	want := moved(t, loaded)
	for at, ended := 0, false; !ended; at++ {
		path := filepath.Join(t.TempDir(), "state.db")
		earlier(t, path)
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
		for _, lose := range []bool{false, true} {
			s = open(t, path)
			if diff := cmp.Diff(want, moved(t, s)); diff != "" || s.Damage() != nil || !s.Notice().IsZero() && !lose {
				t.Fatalf("interrupted at step %d: damage %v, notice %q (-before +after):\n%s", at, s.Damage(), s.Notice(), diff)
			}
			targets, err := s.SecretTargets(t.Context())
			must(t, err)
			d := binding.Declaration{Spec: binding.Spec{Platform: binding.GitLab, Address: "https://evil.example.com", Token: &binding.Token{}}}
			records, err := s.Records(t.Context(), "prod-hangzhou")
			must(t, err)
			d.Spec.Token.Vault = records[0].Vault
			if targets.Move(d, "") == nil {
				t.Error("where secrets were sent is lost")
			}
			must(t, s.Close())
			must(t, os.Remove(path))
		}
	}
}

// TestKind8WhatAnEarlierVersionWroteMeanwhileIsKept: whoever goes back to it for
// a while loses nothing.
func TestKind8WhatAnEarlierVersionWroteMeanwhileIsKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	holds := filled(t, path)
	edit(t, path, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("revisions")).Put([]byte("none"), []byte("newer"))
	})
	for _, lose := range []bool{true, false} {
		s := open(t, path)
		if got, err := s.Revision(t.Context(), "none"); err != nil || got != "newer" {
			t.Errorf("the revision is %q, %v", got, err)
		}
		must(t, s.PutRevision(t.Context(), "none", ""))
		if diff := cmp.Diff(holds, everything(t, s)); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
		must(t, s.PutRevision(t.Context(), "none", "newer"))
		must(t, s.Close())
		if lose {
			must(t, os.Remove(path))
		}
	}
}
