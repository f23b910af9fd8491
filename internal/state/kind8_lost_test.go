package state_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/state"
)

// TestKind8AnUnusableStateFileWithoutAJournalChangesNothing: what a file held
// that cannot be read, and that has no journal yet, is not known to be nothing.
func TestKind8AnUnusableStateFileWithoutAJournalChangesNothing(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string){
		"of an earlier version, cut short": func(t *testing.T, path string) {
			earlier(t, path)
			truncate(t, path, 2)
		},
		"of another program": func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("hello"), 0o600)) },
		"its journal is gone": func(t *testing.T, path string) {
			filled(t, path)
			must(t, os.RemoveAll(state.JournalFolder(path)))
			truncate(t, path, 2)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			damage(t, path)
			loaded, err := state.Load(path)
			must(t, err)
			if loaded.Damage() == nil {
				t.Error("loaded without damage")
			}
			for range 2 {
				s := open(t, path)
				if s.Damage() == nil {
					t.Fatal("no damage")
				}
				refuses(t, s, *s.Damage())
				must(t, s.Close())
			}
			s := open(t, path)
			_, err = s.Accept(t.Context(), binding.Person{By: "Ada"}, 0, time.Now())
			must(t, err)
			must(t, s.PutRecord(t.Context(), record("i0", "new")))
			must(t, s.Close())
			if s = open(t, path); s.Damage() != nil || strings.Contains(message.English(s.Notice()), "broken") {
				t.Errorf("after it was accepted: %v, %q", s.Damage(), s.Notice())
			}
		})
	}
}
