package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

func suspension(instance, name string) binding.Suspension {
	return binding.Suspension{
		Instance: instance, Binding: name, Until: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), Reason: "migration",
		Person: binding.Person{By: "Ada", Proven: "uid 7"}, Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestSuspensionsSurviveReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	later := suspension("one", "a")
	later.Until = later.Until.AddDate(0, 0, 1)
	for _, x := range []binding.Suspension{suspension("one", "a"), suspension("one", ""), suspension("one", "b"), suspension("two", "a"), later} {
		must(t, s.PutSuspension(t.Context(), x))
	}
	must(t, s.DeleteSuspension(t.Context(), suspension("one", "b")))
	must(t, s.DeleteSuspension(t.Context(), suspension("one", "none")))
	must(t, s.DeleteSuspension(t.Context(), suspension("none", "a")))
	must(t, s.DeleteSuspension(t.Context(), suspension("one", "a"))) // Another took its place: it is not that.
	must(t, s.Close())
	s = open(t, path)
	got, err := s.Suspensions(t.Context(), "one")
	must(t, err)
	if diff := cmp.Diff([]binding.Suspension{suspension("one", ""), later}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestAFileFromBeforeALaterBucketIsKept: what it remembers is worth more than
// the bucket that it lacks.
func TestAFileFromBeforeALaterBucketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	s := open(t, path)
	must(t, s.PutRecord(t.Context(), record("one", "a")))
	must(t, s.Close())
	downgrade(t, path, "suspensions")
	if err := state.Probe(path); err != nil {
		t.Errorf("probe: %v", err)
	}
	s = open(t, path)
	records, err := s.Records(t.Context(), "one")
	if err != nil || len(records) != 1 || !s.Notice().IsZero() {
		t.Errorf("got %v, %v, notice %q", records, err, s.Notice())
	}
	must(t, s.PutSuspension(t.Context(), suspension("one", "a")))
}
