package state_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

func TestEffortsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	state := binding.RetryState{Instance: "one", Binding: "a", Digest: "d", Repairs: []binding.Repairs{{
		Object: binding.AccountObject(), Made: []binding.Repair{{At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Found: "unbound"}},
		Stopped: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC),
	}}}
	must(t, s.PutRetryState(t.Context(), state))
	must(t, s.PutRetryState(t.Context(), binding.RetryState{Instance: "two", Binding: "a"}))
	must(t, s.Close())

	s = open(t, path)
	got, err := s.RetryStates(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.RetryState{state}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	must(t, s.DeleteRetryState(t.Context(), state))
	must(t, s.DeleteRetryState(t.Context(), state))
	if got, err = s.RetryStates(t.Context(), "one"); err != nil || len(got) > 0 {
		t.Errorf("after deleting: %v, %v", got, err)
	}
}

// TestAFileFromBeforeEffortsIsKept opens a state file that was written before
// retry states were: nothing of it is lost, and it can hold them from then on.
func TestAFileFromBeforeEffortsIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	must(t, s.PutRecord(t.Context(), record("one", "a")))
	must(t, s.Close())
	downgrade(t, path, "efforts")

	must(t, state.Probe(path))
	s = open(t, path)
	if !s.Notice().IsZero() {
		t.Fatalf("the file was put aside: %s", s.Notice())
	}
	records, err := s.Records(t.Context(), "one")
	must(t, err)
	if len(records) != 1 {
		t.Errorf("records: %v", records)
	}
	must(t, s.PutRetryState(t.Context(), binding.RetryState{Instance: "one", Binding: "a"}))
}

// TestAsManyRetryStatesAsThereAreFitTheJournal: the states of all bindings of a large
// instance, which fail at once, are more than one entry of the journal may have.
func TestAsManyRetryStatesAsThereAreFitTheJournal(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "state.db"))
	defer func() { must(t, s.Close()) }()
	var states []binding.RetryState
	for n := range 1200 {
		states = append(states, binding.RetryState{Instance: "one", Binding: fmt.Sprintf("b%d", n), Failed: &binding.Failed{Times: 1, Tried: strings.Repeat("x", 15<<10)}})
	}
	must(t, s.PutRetryState(t.Context(), states...))
	if kept, err := s.RetryStates(t.Context(), "one"); err != nil || len(kept) != len(states) {
		t.Errorf("%d states are kept, want %d: %v", len(kept), len(states), err)
	}
}
