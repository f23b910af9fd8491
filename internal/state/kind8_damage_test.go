package state_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8ADamagedJournalChangesNothingUntilItIsAccepted damages the journal in
// many ways: the store opens, knows what its index knows, suspends everything,
// refuses writes, and says where; once accepted, it continues.
func TestKind8ADamagedJournalChangesNothingUntilItIsAccepted(t *testing.T) {
	t.Parallel()
	for n, name := range slices.Sorted(maps.Keys(damages())) {
		if testing.Short() && n%4 != 0 {
			continue
		}
		damage := damages()[name]
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			holds := filled(t, path)
			damage(t, path)
			found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
			if err != nil || found.Damage == nil {
				t.Fatalf("ReadJournal found %+v, %v", found, err)
			}
			if err := state.Probe(path); !errors.Is(err, state.ErrDamaged) {
				t.Errorf("probe: %v", err)
			}
			for range 2 { // A restart changes nothing.
				s := open(t, path)
				refuses(t, s, *found.Damage)
				must(t, s.Close())
			}
			s := open(t, path)
			was, err := s.Accept(t.Context(), binding.Person{By: "Ada"}, 0, time.Now())
			if err != nil || was != *found.Damage {
				t.Fatalf("accepted %v, %v; want %v", was, err, *found.Damage)
			}
			for range 2 {
				events, err := s.Events(t.Context(), 1)
				if err != nil || events[0].Action != "accept-journal" || events[0].By != "Ada" {
					t.Errorf("history: %+v, %v", events, err)
				}
				if diff := cmp.Diff(holds[:len(holds)-3], everything(t, s)[:len(holds)-3]); diff != "" || s.Damage() != nil {
					t.Errorf("damage %v; (-before +accepted):\n%s", s.Damage(), diff)
				}
				must(t, s.Close())
				if found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil }); err != nil || found.Damage != nil {
					t.Errorf("after it was accepted: %+v, %v", found, err)
				}
				s = open(t, path)
			}
			must(t, s.PutRecord(t.Context(), record("i0", "new")))
		})
	}
}

// refuses checks that a store with a damaged journal changes nothing.
func refuses(t *testing.T, s *state.Store, where binding.JournalDamage) {
	t.Helper()
	if d := s.Damage(); d == nil || *d != where {
		t.Errorf("damage %v, want %v", d, where)
	}
	for what, err := range map[string]error{
		"record": s.PutRecord(t.Context(), record("i0", "new")), "intent": s.PutIntent(t.Context(), binding.Intent{Instance: "i0"}),
		"history": s.AppendEvent(t.Context(), binding.HistoryEntry{}), "reserve": s.Reserve(t.Context()),
	} {
		if !errors.Is(err, state.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", what, err)
		}
	}
	held, err := s.Suspensions(t.Context(), "any")
	if err != nil || len(held) != 1 || !held[0].Active(time.Now().AddDate(1000, 0, 0)) || !held[0].Holds("x") {
		t.Errorf("suspensions: %+v, %v", held, err)
	}
}

// damages are what can become of a journal's files.
func damages() map[string]func(t *testing.T, path string) {
	lines := func(t *testing.T, file string, edit func(lines [][]byte) [][]byte) {
		t.Helper()
		data, err := os.ReadFile(file)
		must(t, err)
		split := slices.Collect(splitLines(data))
		must(t, os.WriteFile(file, slices.Concat(edit(split)...), 0o600))
	}
	last := func(t *testing.T, path string) string { return segments(t, path)[len(segments(t, path))-1] }
	first := func(t *testing.T, path string) string { return segments(t, path)[0] }
	all := map[string]func(t *testing.T, path string){
		"an entry is removed": func(t *testing.T, path string) {
			lines(t, first(t, path), func(l [][]byte) [][]byte { return slices.Delete(l, 3, 4) })
		},
		"entries are swapped": func(t *testing.T, path string) {
			lines(t, first(t, path), func(l [][]byte) [][]byte { l[3], l[4] = l[4], l[3]; return l })
		},
		"an entry is repeated": func(t *testing.T, path string) {
			lines(t, last(t, path), func(l [][]byte) [][]byte { return append(l, l[len(l)-1]) })
		},
		"the last entry is cut": func(t *testing.T, path string) {
			info, err := os.Stat(last(t, path))
			must(t, err)
			must(t, os.Truncate(last(t, path), info.Size()-5))
		},
		"the last entry is gone": func(t *testing.T, path string) {
			lines(t, last(t, path), func(l [][]byte) [][]byte { return l[:len(l)-1] })
		},
		"a segment is cut in half":    func(t *testing.T, path string) { truncate(t, first(t, path), 2) },
		"the last segment is cut":     func(t *testing.T, path string) { truncate(t, last(t, path), 20) },
		"a segment is empty":          func(t *testing.T, path string) { must(t, os.Truncate(first(t, path), 0)) },
		"the last segment is empty":   func(t *testing.T, path string) { must(t, os.Truncate(last(t, path), 0)) },
		"the first segment is gone":   func(t *testing.T, path string) { must(t, os.Remove(first(t, path))) },
		"a segment in between":        func(t *testing.T, path string) { must(t, os.Remove(segments(t, path)[1])) },
		"the last segment is gone":    func(t *testing.T, path string) { must(t, os.Remove(last(t, path))) },
		"the journal is gone":         func(t *testing.T, path string) { must(t, os.RemoveAll(state.JournalFolder(path))) },
		"a page of zeros":             func(t *testing.T, path string) { zero(t, first(t, path)) },
		"another journal's entries":   func(t *testing.T, path string) { splice(t, path, first(t, path), false) },
		"another journal's segment":   func(t *testing.T, path string) { splice(t, path, first(t, path), true) },
		"another journal's last":      func(t *testing.T, path string) { splice(t, path, last(t, path), true) },
		"another journal altogether":  func(t *testing.T, path string) { other(t, path) },
		"segments are exchanged":      swapSegments,
		"a bit of the very last byte": func(t *testing.T, path string) { flip(t, last(t, path), -2) },
	}
	for n := range 12 {
		all[fmt.Sprint("a bit, ", n)] = func(t *testing.T, path string) {
			file := segments(t, path)[n%2]
			info, err := os.Stat(file)
			must(t, err)
			flip(t, file, info.Size()*int64(n)/13)
		}
	}
	return all
}

func splitLines(data []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			end := slices.Index(data, '\n') + 1
			if end == 0 {
				end = len(data)
			}
			if !yield(data[:end:end]) {
				return
			}
			data = data[end:]
		}
	}
}

// flip changes a bit; at counts from the end where it is negative.
func flip(t *testing.T, file string, at int64) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	if at < 0 {
		at += int64(len(data))
	}
	data[at] ^= 4
	must(t, os.WriteFile(file, data, 0o600))
}

func zero(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	clear(data[len(data)/3 : len(data)/2])
	must(t, os.WriteFile(file, data, 0o600))
}

// other replaces the journal by that of another store.
func other(t *testing.T, path string) {
	t.Helper()
	foreign := filepath.Join(t.TempDir(), "other.db")
	filled(t, foreign)
	must(t, os.RemoveAll(state.JournalFolder(path)))
	must(t, os.Rename(state.JournalFolder(foreign), state.JournalFolder(path)))
}

// splice puts a segment of another store in the place of one, or its entries
// after those that are there.
func splice(t *testing.T, path, file string, whole bool) {
	t.Helper()
	foreign := filepath.Join(t.TempDir(), "other.db")
	filled(t, foreign)
	data, err := os.ReadFile(filepath.Join(state.JournalFolder(foreign), filepath.Base(segments(t, foreign)[0])))
	must(t, err)
	if !whole {
		own, err := os.ReadFile(file)
		must(t, err)
		data = append(own, data...)
	}
	must(t, os.WriteFile(file, data, 0o600))
}

func swapSegments(t *testing.T, path string) {
	t.Helper()
	a, b := segments(t, path)[0], segments(t, path)[1]
	must(t, errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b)))
}

func TestKind8WithIndexAndJournalDamagedNothingIsChanged(t *testing.T) {
	t.Parallel()
	for name, damage := range damages() {
		switch name {
		case "an entry is removed", "entries are swapped", "a segment is cut in half", "a segment in between", "a page of zeros", "segments are exchanged":
		default:
			continue
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			filled(t, path)
			damage(t, path)
			must(t, os.WriteFile(path, []byte("not an index"), 0o600))
			for range 2 {
				s := open(t, path)
				if s.Damage() == nil {
					t.Fatal("no damage")
				}
				refuses(t, s, *s.Damage())
				held, err := s.Suspensions(t.Context(), "i0")
				if err != nil || !slices.ContainsFunc(held, func(s binding.Suspension) bool { return s.Binding == "incident" }) {
					t.Errorf("what can be read is lost: %v, %v", held, err)
				}
				must(t, s.Close())
			}
			s := open(t, path)
			_, err := s.Accept(t.Context(), binding.Person{By: "Ada"}, 0, time.Now())
			must(t, err)
			must(t, s.PutRecord(t.Context(), record("i0", "new")))
			must(t, s.Close())
			must(t, os.Remove(path))
			s = open(t, path)
			if got, err := s.Records(t.Context(), "i0"); err != nil || !slices.ContainsFunc(got, func(r binding.Record) bool { return r.Binding == "new" }) || s.Damage() != nil {
				t.Errorf("%v, %v, %v", s.Damage(), got, err)
			}
		})
	}
}
