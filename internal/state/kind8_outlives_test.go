package state_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8AJournalFromABackupIsNotTakenForAllThereWas: the journal of yesterday is put
// back, and the index is of today. What a person asked for today still holds, nothing is
// changed until a person accepts the loss, and then it holds still, whatever becomes of
// the index.
func TestKind8AJournalFromABackupIsNotTakenForAllThereWas(t *testing.T) {
	t.Parallel()
	for name, today := range map[string]func(t *testing.T, s *state.Store){
		"a suspension": func(t *testing.T, s *state.Store) {
			must(t, s.PutSuspension(t.Context(), suspension("i0", "today")))
		},
		"many segments later": func(t *testing.T, s *state.Store) {
			for i := range 60 {
				must(t, s.PutRecord(t.Context(), record("i0", fmt.Sprint("b", i))))
			}
			must(t, s.PutSuspension(t.Context(), suspension("i0", "today")))
		},
		"a suspension and its end, and another": func(t *testing.T, s *state.Store) {
			must(t, s.PutSuspension(t.Context(), suspension("i0", "ended")))
			must(t, s.DeleteSuspension(t.Context(), suspension("i0", "ended")))
			must(t, s.PutSuspension(t.Context(), suspension("i0", "today")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path, backup := filepath.Join(t.TempDir(), "state.db"), filepath.Join(t.TempDir(), "backup")
			filled(t, path)
			folder := state.JournalFolder(path)
			must(t, os.CopyFS(backup, os.DirFS(folder)))
			s, err := state.OpenWith(path, nil, 3000, 3)
			must(t, err)
			today(t, s)
			held, err := s.Suspensions(t.Context(), "i0")
			must(t, err)
			records, err := s.Records(t.Context(), "i0")
			must(t, err)
			must(t, s.Close())
			must(t, os.RemoveAll(folder))
			must(t, os.Rename(backup, folder))

			s = open(t, path)
			if s.Damage() == nil {
				t.Fatal("no damage")
			}
			refuses(t, s, *s.Damage())
			holds := func(when string) {
				t.Helper()
				now, err := s.Suspensions(t.Context(), "i0")
				must(t, err)
				for _, want := range held {
					if !slices.ContainsFunc(now, func(s binding.Suspension) bool { return cmp.Equal(s, want) }) {
						t.Errorf("%s: %+v is not held: %+v", when, want, now)
					}
				}
				got, err := s.Records(t.Context(), "i0")
				must(t, err)
				if diff := cmp.Diff(records, got); diff != "" {
					t.Errorf("%s: (-before +after):\n%s", when, diff)
				}
			}
			holds("damaged")
			_, err = s.Accept(t.Context(), binding.Person{By: "Ada"}, 0, time.Now())
			must(t, err)
			holds("accepted")
			must(t, s.Close())
			must(t, os.Remove(path))
			s = open(t, path)
			holds("accepted, and the index is lost")
		})
	}
}

// TestKind8WhatManyWroteAtOnceIsThereAfterACrash: each write that was answered counts, in
// whatever order they came, with and without the index.
func TestKind8WhatManyWroteAtOnceIsThereAfterACrash(t *testing.T) {
	t.Parallel()
	for _, lose := range []bool{false, true} {
		t.Run(fmt.Sprintf("the index is lost %t", lose), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			s, err := state.OpenWith(path, nil, 4000, 3)
			must(t, err)
			var writers sync.WaitGroup
			for w := range 6 {
				writers.Go(func() {
					instance := fmt.Sprint("i", w%2)
					for n := range 12 {
						name := fmt.Sprintf("w%d-%d", w, n)
						r := record(instance, name)
						if err := s.PutRecord(t.Context(), r); err != nil {
							t.Error(err)
						}
						if err := s.PutSuspension(t.Context(), suspension(instance, name)); err != nil {
							t.Error(err)
						}
						if n%3 == 0 {
							if err := s.DeleteRecord(t.Context(), r); err != nil {
								t.Error(err)
							}
						}
					}
				})
			}
			writers.Wait()
			want := everything(t, s)
			s.Crash()
			if lose {
				must(t, os.Remove(path))
			}
			s = open(t, path)
			if diff := cmp.Diff(want, everything(t, s)); diff != "" || s.Damage() != nil {
				t.Errorf("damage %v; (-answered +after the crash):\n%s", s.Damage(), diff)
			}
			for _, instance := range []string{"i0", "i1"} {
				records, err := s.Records(t.Context(), instance)
				must(t, err)
				held, err := s.Suspensions(t.Context(), instance)
				must(t, err)
				if len(records) != 3*8 || len(held) != 3*12 {
					t.Errorf("%s: %d records, %d suspensions", instance, len(records), len(held))
				}
			}
		})
	}
}

// TestKind8WhatOnlyWeKnowOutlivesItsSegments: what was written once is known when none of
// the segments is left that it was written to, and the index is lost too.
func TestKind8WhatOnlyWeKnowOutlivesItsSegments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.OpenWith(path, nil, 3000, 2)
	must(t, err)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	attested := record("i0", "attested")
	attested.Refused = binding.Refusal{At: at}
	attested.Images = []binding.RecordedImage{{Image: "pay/api", Rules: []binding.RecordedRule{{ID: "7", Key: "branch:main=>latest", Removed: true, Written: binding.Write{At: at}}}}}
	intent := binding.Intent{Instance: "i0", Binding: "open", Platform: binding.GitLab, Action: "bind", Object: binding.AccountObject(), Started: at}
	forbidden := binding.RetryState{Instance: "i0", Binding: "forbidden", BindForbidden: at}
	must(t, s.PutRecord(t.Context(), attested))
	must(t, s.PutIntent(t.Context(), intent))
	must(t, s.PutRetryState(t.Context(), forbidden))
	must(t, s.PutSuspension(t.Context(), suspension("i0", "incident")))
	must(t, s.PutRevision(t.Context(), "git", "abc"))
	must(t, s.PutNotices(t.Context(), map[string]json.RawMessage{"n": json.RawMessage(`{"told":true}`)}))
	key, err := s.Key()
	must(t, err)
	know := func(s *state.Store) []any {
		var all []any
		add := func(v any, err error) { must(t, err); all = append(all, v) }
		records, err := s.Records(t.Context(), "i0")
		add(records, err)
		intents, err := s.Intents(t.Context(), "i0")
		add(intents, err)
		retries, err := s.RetryStates(t.Context(), "i0")
		add(retries, err)
		held, err := s.Suspensions(t.Context(), "i0")
		add(held, err)
		revision, err := s.Revision(t.Context(), "git")
		add(revision, err)
		notices, err := s.Notices(t.Context())
		add(notices, err)
		now, err := s.Key()
		add(now, err)
		return all
	}
	want := know(s)
	wrote := segments(t, path)
	for i := 0; i < 400 && slices.Contains(segments(t, path), wrote[len(wrote)-1]); i++ {
		must(t, s.AppendEvent(t.Context(), binding.HistoryEntry{Instance: "i1", Binding: fmt.Sprint("b", i), Time: at}))
	}
	if slices.Contains(segments(t, path), wrote[len(wrote)-1]) {
		t.Fatalf("the segments are there still: %v", wrote)
	}
	s.Crash()
	must(t, os.Remove(path))
	s = open(t, path)
	if diff := cmp.Diff(want, know(s)); diff != "" || s.Damage() != nil {
		t.Errorf("damage %v; (-want +got):\n%s", s.Damage(), diff)
	}
	if now, err := s.Key(); err != nil || !cmp.Equal(key, now) {
		t.Errorf("another key: %v", err)
	}
}
