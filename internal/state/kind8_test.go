package state_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// change is one write to a store.
type change func(*state.Store) error

// changes are n random writes.
func changes(t *testing.T, random *rand.Rand, n int) (all []change) {
	t.Helper()
	ctx := t.Context()
	for range n {
		instance, name := fmt.Sprint("i", random.IntN(2)), fmt.Sprint("b", random.IntN(3))
		record := record(instance, name)
		record.TokenVersion = random.IntN(4)
		record.Address = fmt.Sprintf("https://h%d.example.com", random.IntN(3))
		object := binding.RepositoryObject(fmt.Sprint("a/", random.IntN(2)))
		until, text := time.Unix(int64(random.IntN(3)), 0).UTC(), fmt.Sprint(random.Uint64())
		all = append(all, []change{
			func(s *state.Store) error { return s.PutRecord(ctx, record) },
			func(s *state.Store) error { return s.DeleteRecord(ctx, record) },
			func(s *state.Store) error {
				return s.PutIntent(ctx, binding.Intent{Instance: instance, Binding: name, Object: object, After: record})
			},
			func(s *state.Store) error {
				return s.DeleteIntent(ctx, binding.Intent{Instance: instance, Binding: name, Object: object})
			},
			func(s *state.Store) error {
				return s.PutRetryState(ctx, binding.RetryState{Instance: instance, Binding: name, Failed: &binding.Failed{Times: 1, Next: until}})
			},
			func(s *state.Store) error {
				return s.PutSuspension(ctx, binding.Suspension{Instance: instance, Binding: name, Until: until})
			},
			func(s *state.Store) error {
				return s.DeleteSuspension(ctx, binding.Suspension{Instance: instance, Binding: name, Until: until})
			},
			func(s *state.Store) error {
				return s.AppendEvent(ctx, binding.HistoryEntry{Instance: instance, Binding: name, Time: until, Message: text})
			},
			func(s *state.Store) error { return s.PutRevision(ctx, instance, text) },
		}[random.IntN(9)])
	}
	return all
}

func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// filled is a store with a suspension, a confirmation, a record and more, in
// several segments; it is closed.
func filled(t *testing.T, path string) (holds []any) {
	t.Helper()
	s, err := state.OpenWith(path, nil, 3000, 8)
	must(t, err)
	for i, c := range changes(t, seeded(t), 40) {
		must(t, c(s))
		if i == 20 {
			must(t, s.PutSuspension(t.Context(), suspension("i0", "incident")))
			must(t, s.AppendEvent(t.Context(), binding.HistoryEntry{Instance: "i0", Binding: "b0", Action: "attest", Person: binding.Person{By: "Ada"}}))
		}
	}
	holds = everything(t, s)
	must(t, s.Close())
	return holds
}

func segments(t *testing.T, path string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(state.JournalFolder(path), "*.journal"))
	must(t, err)
	slices.Sort(files)
	return files
}

func TestKind8ALostOrDamagedIndexIsMadeAnewFromTheJournal(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(t *testing.T, path string){
		"missing":   func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"empty":     func(t *testing.T, path string) { must(t, os.WriteFile(path, nil, 0o600)) },
		"foreign":   func(t *testing.T, path string) { must(t, os.WriteFile(path, []byte("hello"), 0o600)) },
		"cut short": func(t *testing.T, path string) { truncate(t, path, 2) },
		"a byte of a value": func(t *testing.T, path string) {
			replaceIn(t, path, "incident", "accident")
		},
		"an older copy": func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			must(t, err)
			s := open(t, path)
			must(t, s.AppendEvent(t.Context(), binding.HistoryEntry{Instance: "i0"}))
			must(t, s.Close())
			must(t, os.WriteFile(path, data, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			holds := filled(t, path)
			damage(t, path)
			if name == "an older copy" {
				s := open(t, path)
				if events, err := s.Events(t.Context(), 1); err != nil || events[0].Message != "" {
					t.Errorf("the newest event is %v, %v", events, err)
				}
				return
			}
			loaded, err := state.Load(path)
			must(t, err)
			if diff := cmp.Diff(holds, everything(t, loaded)); diff != "" {
				t.Errorf("loaded (-before +after):\n%s", diff)
			}
			s := open(t, path)
			if diff := cmp.Diff(holds, everything(t, s)); diff != "" || s.Damage() != nil {
				t.Errorf("damage %v; (-before +after):\n%s", s.Damage(), diff)
			}
		})
	}
}

// TestKind8AnIndexCutAtAnyPageIsRepaired: also where the pages that are left hold
// all that was read, and bbolt would write the next ones behind its memory.
func TestKind8AnIndexCutAtAnyPageIsRepaired(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	want := filled(t, path)
	data, err := os.ReadFile(path)
	must(t, err)
	for pages := range len(data) / os.Getpagesize() {
		must(t, os.WriteFile(path, data[:pages*os.Getpagesize()], 0o600))
		loaded, err := state.Load(path)
		must(t, err)
		if diff := cmp.Diff(want, everything(t, loaded)); diff != "" {
			t.Errorf("%d pages, loaded (-before +after):\n%s", pages, diff)
		}
		s, err := state.Open(path)
		must(t, err)
		if diff := cmp.Diff(want, everything(t, s)); diff != "" || s.Damage() != nil {
			t.Errorf("%d pages: damage %v (-before +after):\n%s", pages, s.Damage(), diff)
		}
		must(t, s.Close())
	}
}

// TestKind8AnyDamageOfTheIndexIsRepaired overwrites bytes of the index anywhere:
// nothing is lost, and what is written afterwards counts.
func TestKind8AnyDamageOfTheIndexIsRepaired(t *testing.T) {
	if raceDetector {
		t.Skip("bbolt follows a damaged page out of its file, into memory that others write: make e2e runs it")
	}
	t.Parallel()
	random := seeded(t)
	path := filepath.Join(t.TempDir(), "state.db")
	filled(t, path)
	times := 60
	if testing.Short() {
		times = 8
	}
	for n := range times {
		want := everything(t, open2(t, path))
		data, err := os.ReadFile(path)
		must(t, err)
		at := random.IntN(len(data))
		size := min(1<<random.IntN(13), len(data)-at)
		for i := range data[at : at+size] {
			data[at+i] ^= byte(random.Uint32())
		}
		must(t, os.WriteFile(path, data, 0o600))
		s, err := state.Open(path)
		must(t, err)
		if diff := cmp.Diff(want, everything(t, s)); diff != "" || s.Damage() != nil {
			t.Fatalf("%d bytes at %d: damage %v (-want +got):\n%s", size, at, s.Damage(), diff)
		}
		must(t, s.PutRevision(t.Context(), "none", fmt.Sprint(n)))
		if err := s.Close(); err != nil {
			t.Logf("close: %v", err) // The index could not be written; the journal counts.
		}
		if got, err := open2(t, path).Revision(t.Context(), "none"); err != nil || got != fmt.Sprint(n) {
			t.Fatalf("the revision is %q, %v; want %d", got, err, n)
		}
	}
}

// replaceIn replaces bytes in a file by as many others.
func replaceIn(t *testing.T, path, old, with string) {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	edited := slices.Clone(data)
	for i := range len(data) - len(old) {
		if string(data[i:i+len(old)]) == old {
			copy(edited[i:], with)
		}
	}
	if slices.Equal(edited, data) {
		t.Fatalf("%s has no %q", path, old)
	}
	must(t, os.WriteFile(path, edited, 0o600))
}

// TestKind8RotationKeepsTheChainAndWhatIsKnown: few segments, at small sizes, add
// up to what all writes add up to, with the index and without.
func TestKind8RotationKeepsTheChainAndWhatIsKnown(t *testing.T) {
	t.Parallel()
	random := seeded(t)
	path, model := filepath.Join(t.TempDir(), "state.db"), state.NewMemory()
	for round := range 4 {
		s, err := state.OpenWith(path, nil, int64(500+random.IntN(3000)), 3)
		must(t, err)
		for _, c := range changes(t, random, 60) {
			must(t, c(s))
			must(t, c(model))
		}
		must(t, s.Reserve(t.Context()))
		if round%2 == 0 {
			must(t, s.Close())
		} else {
			s.Crash()
		}
		if n := len(segments(t, path)); n > 3 {
			t.Errorf("%d segments", n)
		}
		if round >= 2 {
			must(t, os.Remove(path))
		}
		found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
		if err != nil || found.Damage != nil {
			t.Fatalf("%+v, %v", found, err)
		}
		if diff := cmp.Diff(everything(t, model), everything(t, open2(t, path))); diff != "" {
			t.Fatalf("round %d (-want +got):\n%s", round, diff)
		}
	}
}

// open2 is a store that is read and closed at once.
func open2(t *testing.T, path string) *state.Store {
	t.Helper()
	s, err := state.Open(path)
	must(t, err)
	must(t, s.Close())
	loaded, err := state.Load(path)
	must(t, err)
	return loaded
}

func TestKind8TheJournalIsReadWhileItIsWritten(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.OpenWith(path, nil, 1500, 2)
	must(t, err)
	done := make(chan struct{})
	var reading sync.WaitGroup
	reads := 0
	reading.Go(func() {
		for {
			before := oldestSegment(t, path)
			found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
			if errors.Is(err, fs.ErrNotExist) && oldestSegment(t, path) > before+1 {
				continue // It read the oldest segment, and the next was removed meanwhile.
			}
			if err != nil || found.Damage != nil {
				t.Errorf("read %d: %+v, %v", reads, found, err)
				return
			}
			reads++
			select {
			case <-done:
				return
			default:
			}
		}
	})
	var writing sync.WaitGroup
	random := seeded(t)
	for range 4 {
		all := changes(t, random, 60)
		writing.Go(func() {
			for _, c := range all {
				if err := c(s); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writing.Wait()
	close(done)
	reading.Wait()
	t.Logf("%d reads", reads)
	want := everything(t, s)
	must(t, s.Close())
	must(t, os.Remove(path))
	if diff := cmp.Diff(want, everything(t, open(t, path))); diff != "" {
		t.Errorf("(-index +journal):\n%s", diff)
	}
}

// oldestSegment is the number of the oldest segment of a journal.
func oldestSegment(t *testing.T, path string) int {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(state.JournalFolder(path), "*.journal"))
	if err != nil || len(segments) == 0 {
		t.Errorf("no segments: %v", err)
		return 0
	}
	number, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(segments[0]), ".journal"))
	if err != nil {
		t.Error(err)
	}
	return number
}

func TestKind8ASecretTargetOutlivesRecordsAndIntents(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	ref := func(path string) binding.VaultRef { return binding.VaultRef{Mount: "secret", Path: path, Key: "token"} }
	of := func(name, host string) binding.Record {
		return binding.Record{Instance: "prod", Binding: name, Platform: binding.GitLab, Address: "https://" + host, Vault: ref(name)}
	}
	moves := func(s *state.Store, name, host string) bool {
		targets, err := s.SecretTargets(t.Context())
		must(t, err)
		return targets.Move(binding.Declaration{Spec: binding.Spec{Platform: binding.GitLab, Address: "https://" + host, Token: &binding.Token{Vault: ref(name)}}}, "") != nil
	}
	// Removed; only begun and given up; moved with an operator's word and removed.
	must(t, s.PutRecord(t.Context(), of("removed", "a.example.com")))
	must(t, s.DeleteRecord(t.Context(), of("removed", "a.example.com")))
	intent := binding.Intent{Instance: "prod", Binding: "begun", Platform: binding.GitLab, Object: binding.AccountObject(), After: of("begun", "a.example.com")}
	must(t, s.PutIntent(t.Context(), intent))
	must(t, s.DeleteIntent(t.Context(), intent))
	must(t, s.PutRecord(t.Context(), of("moved", "a.example.com")))
	must(t, s.PutRecord(t.Context(), of("moved", "b.example.com")))
	must(t, s.DeleteRecord(t.Context(), of("moved", "b.example.com")))
	for _, lose := range []func(){func() {}, func() { must(t, os.Remove(path)) }} {
		for _, tt := range []struct {
			name, host string
			move       bool
		}{
			{"removed", "a.example.com", false},
			{"removed", "evil.example.com", true},
			{"begun", "a.example.com", false},
			{"begun", "evil.example.com", true},
			{"moved", "b.example.com", false},
			{"moved", "a.example.com", true},
			{"never", "a.example.com", false},
		} {
			if got := moves(s, tt.name, tt.host); got != tt.move {
				t.Errorf("%s to %s: a move %v, want %v", tt.name, tt.host, got, tt.move)
			}
		}
		must(t, s.Close())
		lose()
		s = open(t, path)
	}
}
