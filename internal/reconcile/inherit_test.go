package reconcile

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// TestEveryPartOfAReconcilerIsKeptOrMadeAnew fails for a new field until it is
// decided what happens to it when the configuration changes.
func TestEveryPartOfAReconcilerIsKeptOrMadeAnew(t *testing.T) {
	decided := map[string]string{
		"o": "made anew", "observer": "its memory is kept", "backoff": "kept", "activity": "made anew", "running": "made anew", "emitting": "made anew",
		"applier": "made anew", "written": "made anew", "settled": "made anew", "reusedFor": "made anew", "failuresRestored": "kept", "looped": "made anew",
		"mu": "made anew", "last": "kept", "changed": "kept", "statuses": "kept", "learned": "made anew: they are redacted again", "credentials": "kept", "edition": "kept", "unread": "kept until the source is read",
	}
	for _, of := range []reflect.Type{reflect.TypeFor[Reconciler]()} {
		for field := range of.Fields() {
			if decided[field.Name] == "" {
				t.Errorf("%s.%s: decide in Inherit what becomes of it, and here", of.Name(), field.Name)
			}
		}
	}
}

func TestInherit(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	old := New(Options{Now: clock, HostMemory: time.Hour})
	old.statuses["pay"] = binding.Status{Name: "pay"}
	old.last = plan.NewRound(plan.Round{Revision: "1"})
	old.backoff.failed("pay", "this", now)
	old.backoff.failed("pay", "this", now)
	same := New(Options{Now: clock, HostMemory: time.Minute})
	same.Inherit(old, true)
	if got := same.backoff.all()["pay"]; got.Times != 2 || !got.Next.Equal(now.Add(20*time.Second)) {
		t.Errorf("failed %d times, next %s; want what the other had", got.Times, got.Next)
	}
	if same.Awaiting() == nil {
		t.Error("what was seen last was forgotten")
	}
	other := New(Options{Now: clock, HostMemory: time.Hour})
	other.Inherit(old, false)
	other.looped.Store(true)
	other.restoreFailures([]binding.RetryState{{Binding: "pay", Failed: &binding.Failed{Tried: "this", Times: 2, Next: now.Add(time.Hour)}}})
	if other.backoff.all()["pay"].Times != 0 || other.Awaiting() != nil {
		t.Error("something of another registry was taken over")
	}
	for _, r := range []*Reconciler{same, other} {
		if diff := cmp.Diff(old.Statuses(), r.Statuses()); diff != "" {
			t.Errorf("statuses (-other +inherited):\n%s", diff)
		}
	}
}

// TestAReloadBeforeTheFirstSyncForgetsNoFailure from before the restart.
func TestAReloadBeforeTheFirstSyncForgetsNoFailure(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	r := New(Options{Now: func() time.Time { return now }})
	r.Inherit(New(Options{Now: r.o.Now}), true)
	r.looped.Store(true)
	r.restoreFailures([]binding.RetryState{{Binding: "pay", Failed: &binding.Failed{Tried: "this", Times: 2, Next: now.Add(time.Hour)}}})
	if times := r.backoff.all()["pay"].Times; times != 2 {
		t.Errorf("failed %d times, want the 2 of before the restart", times)
	}
	again := New(Options{Now: r.o.Now})
	r.backoff.reset("")
	again.Inherit(r, true)
	again.looped.Store(true)
	again.restoreFailures([]binding.RetryState{{Binding: "pay", Failed: &binding.Failed{Tried: "this", Times: 2, Next: now.Add(time.Hour)}}})
	if again.backoff.all()["pay"].Times != 0 {
		t.Error("what a person began anew is held back after a reload")
	}
}
