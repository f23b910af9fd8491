package state_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
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
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // Only told apart, never trusted.
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // Made-up data is no secret.
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
	for name, spoil := range map[string]func(t *testing.T, path string){
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
			spoil(t, path)
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

// TestKind8ADamagedJournalChangesNothingUntilItIsAccepted damages the journal in
// many ways: the store opens, knows what its index knows, suspends everything,
// refuses writes, and says where; once accepted, it continues.
func TestKind8ADamagedJournalChangesNothingUntilItIsAccepted(t *testing.T) {
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
			was, err := s.Accept(t.Context(), binding.Person{By: "Ada"}, time.Now())
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
		"segments are exchanged":      exchange,
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

func exchange(t *testing.T, path string) {
	t.Helper()
	a, b := segments(t, path)[0], segments(t, path)[1]
	must(t, errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b)))
}

func TestKind8WithIndexAndJournalDamagedNothingIsChanged(t *testing.T) {
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
			_, err := s.Accept(t.Context(), binding.Person{By: "Ada"}, time.Now())
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

// TestKind8ACrashAfterEveryByteOfAnAppend: until the last byte is there, the
// entry never counted, which is no damage.
func TestKind8ACrashAfterEveryByteOfAnAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	must(t, s.PutRecord(t.Context(), record("one", "a")))
	must(t, s.Close())
	index, err := os.ReadFile(path)
	must(t, err)
	file := segments(t, path)[0]
	before, err := os.ReadFile(file)
	must(t, err)
	s = open(t, path)
	must(t, s.PutSuspension(t.Context(), suspension("one", "a")))
	must(t, s.Close())
	after, err := os.ReadFile(file)
	must(t, err)
	step := 1
	if testing.Short() {
		step = 37
	}
	for n := len(before); n <= len(after); n += step {
		must(t, os.WriteFile(path, index, 0o600))
		// With space that was reserved, and without.
		must(t, os.WriteFile(file, append(slices.Clone(after[:n]), make([]byte, n%2*64)...), 0o600))
		s := open(t, path)
		held, err := s.Suspensions(t.Context(), "one")
		must(t, err)
		if whole := n == len(after); s.Damage() != nil || (len(held) == 1) != whole || s.Torn() != (n > len(before) && !whole) {
			t.Fatalf("after %d of %d bytes: damage %v, torn %v, %d suspensions", n-len(before), len(after)-len(before), s.Damage(), s.Torn(), len(held))
		}
		must(t, s.PutRecord(t.Context(), record("one", "b")))
		must(t, s.Close())
		if found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil }); err != nil || found.Damage != nil || found.Incomplete {
			t.Fatalf("after %d bytes: %+v, %v", n-len(before), found, err)
		}
	}
}

// TestKind8AFailureAtAnyStepLeavesTheStateBeforeOrAfter lets every step on disk
// fail once, or be the last one before a crash. A write that succeeded counts, and
// one that failed counts in full or not at all.
func TestKind8AFailureAtAnyStepLeavesTheStateBeforeOrAfter(t *testing.T) {
	random := seeded(t)
	all := changes(t, random, 14)
	stride := 1
	if testing.Short() {
		stride = 13
	}
	for _, mode := range []string{"full disk", "one failure", "crash"} {
		at := 0
		for ended := false; !ended; at += stride {
			n := 0
			fault := func(_ string, size int) (int, error) {
				n++
				if mode == "one failure" && n == at+1 || mode != "one failure" && n > at {
					return size * random.IntN(3) / 2, syscall.ENOSPC
				}
				return size, nil
			}
			failAt(t, filepath.Join(t.TempDir(), "state.db"), fault, mode == "crash", all)
			ended = n <= at
		}
		t.Logf("%s: %d steps", mode, at)
	}
}

// failAt makes changes to a store whose steps fail, and checks what it holds
// after each, and after a restart.
func failAt(t *testing.T, path string, fault func(string, int) (int, error), crash bool, all []change) {
	t.Helper()
	var counts []change
	holding := func(also ...change) []any {
		model := state.NewMemory()
		for _, c := range append(slices.Clone(counts), also...) {
			must(t, c(model))
		}
		return everything(t, model)
	}
	// open is the first of the last changes that failed: it may be on disk.
	var open []change
	s, err := state.OpenWith(path, fault, 2500, 3)
	if err == nil {
		for _, c := range all {
			if err := c(s); err == nil {
				counts, open = append(counts, c), nil
				continue
			}
			if open == nil {
				open = []change{c}
			}
			now := everything(t, s)
			if before := holding(); !cmp.Equal(now, before) {
				t.Fatalf("a write that failed counts in part (-before +now):\n%s", cmp.Diff(before, now))
			}
		}
		if crash {
			s.Crash()
		} else {
			_ = s.Close() // It may fail; what counts stands in the journal.
		}
	}
	if s, err = state.Open(path); err != nil {
		t.Fatal(err)
	}
	defer func() { must(t, s.Close()) }()
	now, before, after := everything(t, s), holding(), holding(open...)
	if s.Damage() != nil || !cmp.Equal(now, before) && !cmp.Equal(now, after) {
		t.Fatalf("damage %v; after a restart (-want +now):\n%s", s.Damage(), cmp.Diff(before, now))
	}
	must(t, s.PutRecord(t.Context(), record("i0", "later")))
}

// TestKind8AnIndexThatCannotBeWrittenLosesNothing: what the journal has counts.
func TestKind8AnIndexThatCannotBeWrittenLosesNothing(t *testing.T) {
	path, model := filepath.Join(t.TempDir(), "state.db"), state.NewMemory()
	broken := false
	s, err := state.OpenWith(path, func(step string, size int) (int, error) {
		if broken && step == "index" {
			return 0, syscall.ENOSPC
		}
		return size, nil
	}, 4000, 3)
	must(t, err)
	for i, c := range changes(t, seeded(t), 60) {
		broken = i > 20
		must(t, c(s))
		must(t, c(model))
	}
	want := everything(t, model)
	if diff := cmp.Diff(want, everything(t, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, s.Close())
	if diff := cmp.Diff(want, everything(t, open(t, path))); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// TestKind8RotationKeepsTheChainAndWhatIsKnown: few segments, at small sizes, add
// up to what all writes add up to, with the index and without.
func TestKind8RotationKeepsTheChainAndWhatIsKnown(t *testing.T) {
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
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.OpenWith(path, nil, 1500, 2)
	must(t, err)
	done := make(chan struct{})
	var reading sync.WaitGroup
	reads := 0
	reading.Go(func() {
		for {
			found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
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

func TestKind8ASecretTargetOutlivesRecordsAndIntents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	ref := func(path string) binding.VaultRef { return binding.VaultRef{Mount: "secret", Path: path, Key: "token"} }
	of := func(name, host string) binding.Record {
		return binding.Record{Instance: "prod", Binding: name, Platform: binding.GitLab, Address: "https://" + host, Vault: ref(name)}
	}
	moves := func(s *state.Store, name, host string) bool {
		targets, err := s.SecretTargets(t.Context())
		must(t, err)
		return targets.Move(binding.Declaration{Spec: binding.Spec{Platform: binding.GitLab, Address: "https://" + host, Token: &binding.Token{Vault: ref(name)}}}) != nil
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
			{"removed", "a.example.com", false}, {"removed", "evil.example.com", true},
			{"begun", "a.example.com", false}, {"begun", "evil.example.com", true},
			{"moved", "b.example.com", false}, {"moved", "a.example.com", true}, {"never", "a.example.com", false},
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
