package state_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"reconciler/internal/state"
)

// TestNoticesSurviveARestartAndALostIndex: what was reported is in the journal.
func TestNoticesSurviveARestartAndALostIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	open := func() *state.Store {
		t.Helper()
		s, err := state.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	read := func(s *state.Store) []string {
		t.Helper()
		rows, err := s.Notices(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, r := range rows {
			all = append(all, string(r))
		}
		return all
	}
	put := func(s *state.Store, rows map[string]json.RawMessage) {
		t.Helper()
		if err := s.PutNotices(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	put(s, map[string]json.RawMessage{"a\x00b": json.RawMessage(`{"n":1}`), "c": json.RawMessage(`{"n":2}`), "d": json.RawMessage(`{"n":3}`)})
	put(s, map[string]json.RawMessage{"c": nil, "d": json.RawMessage(`{"n":4}`), "never": nil})
	want := []string{`{"n":1}`, `{"n":4}`}
	if got := read(s); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, lose := range []bool{false, true} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if lose {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		s = open()
		if got := read(s); !slices.Equal(got, want) {
			t.Errorf("index lost %v: got %v, want %v", lose, got, want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
