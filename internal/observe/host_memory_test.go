package observe

import (
	"testing"
	"time"

	"reconciler/internal/binding"
)

// TestInherit keeps the answers of code hosts over a reload, none for longer
// than is configured now.
func TestInherit(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	old := New(Options{Now: clock, HostMemory: time.Hour})
	yes := hostAnswers{report: binding.TokenReport{Answers: []binding.Answer{{Verdict: binding.Yes}}}}
	old.memory.remember(hostKey{name: "pay"}, "question", yes, now)

	next := New(Options{Now: clock, HostMemory: time.Minute})
	next.Inherit(old)
	if _, known := next.memory.lookup(hostKey{name: "pay"}, "question", now.Add(59*time.Second)); !known {
		t.Error("the answer of a code host was forgotten")
	}
	if _, known := next.memory.lookup(hostKey{name: "pay"}, "question", now.Add(time.Minute)); known {
		t.Error("an answer holds for longer than is configured now")
	}

	now = now.Add(50 * time.Minute)
	next = New(Options{Now: clock, HostMemory: 15 * time.Minute})
	next.Inherit(old)
	if _, known := next.memory.lookup(hostKey{name: "pay"}, "question", now); known {
		t.Error("an answer holds although it is older than is configured now")
	}
}
