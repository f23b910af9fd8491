package state_test

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8ReserveTakesTheSpaceOfAWholeRebind: what a rebind writes afterwards,
// of a large record, takes no block that Reserve did not take.
func TestKind8ReserveTakesTheSpaceOfAWholeRebind(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.OpenWith(path, nil, 8<<20, 8)
	must(t, err)
	defer func() { must(t, s.Close()) }()
	large := record("one", "a")
	large.File = strings.Repeat("x", 100_000)
	must(t, s.PutRecord(t.Context(), large))
	must(t, s.Close())
	s, err = state.OpenWith(path, nil, 8<<20, 8)
	must(t, err)
	before := blocks(t, path)
	must(t, s.Reserve(t.Context()))
	reserved := blocks(t, path)
	if reserved <= before {
		t.Fatalf("%d blocks before, %d after Reserve", before, reserved)
	}
	after := large
	after.TokenVersion++
	intent := binding.Intent{Instance: "one", Binding: "a", Platform: large.Platform, Object: binding.AccountObject(), Action: "rebind", Record: large, After: after}
	bind := intent
	bind.Action, bind.Released = "bind", true
	must(t, s.PutIntent(t.Context(), intent))
	must(t, s.PutIntent(t.Context(), bind))
	must(t, s.PutRecord(t.Context(), after))
	must(t, s.DeleteIntent(t.Context(), bind))
	must(t, s.AppendEvent(t.Context(), binding.HistoryEntry{Instance: "one", Message: strings.Repeat("y", 10_000)}))
	must(t, s.PutRetryState(t.Context(), binding.RetryState{Instance: "one", Binding: "a"}))
	if now := blocks(t, path); now != reserved {
		t.Errorf("%d blocks are taken, %d were reserved", now, reserved)
	}
}

func blocks(t *testing.T, path string) (sum int64) {
	t.Helper()
	for _, file := range segments(t, path) {
		var stat syscall.Stat_t
		must(t, syscall.Stat(file, &stat))
		sum += stat.Blocks
	}
	return sum
}

func TestKind8ReserveFailsWhereThereIsNoSpaceAndHarmsNothing(t *testing.T) {
	t.Parallel()
	full := false
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.OpenWith(path, func(step string, size int) (int, error) {
		if full && step == "reserve" {
			return 0, syscall.ENOSPC
		}
		return size, nil
	}, 3000, 3)
	must(t, err)
	full = true
	if err := s.Reserve(t.Context()); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want ENOSPC", err)
	}
	must(t, s.PutRecord(t.Context(), record("one", "a")))
	full = false
	must(t, s.Reserve(t.Context()))
	full = true
	must(t, s.Reserve(t.Context())) // There is still enough.
	for _, c := range changes(t, seeded(t), 60) {
		must(t, c(s)) // The next segment cannot begin without the same space: entries stay in this one.
	}
	if n := len(segments(t, path)); n > 2 {
		t.Errorf("%d segments", n)
	}
	want := everything(t, s)
	s.Crash()
	if got := everything(t, open(t, path)); len(got) != len(want) {
		t.Error("lost")
	}
}
