package state_test

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8ACrashAfterEveryByteOfAnAppend: until the last byte is there, the
// entry never counted, which is no damage.
func TestKind8ACrashAfterEveryByteOfAnAppend(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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
