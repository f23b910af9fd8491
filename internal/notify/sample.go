package notify

import (
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// NewTestMessage makes a test message for a receiver.
func NewTestMessage(receiver string, now time.Time) Note {
	m := Alert{
		Subject: Subject{Kind: TestMessage, Of: "reconciler"}, State: stateDone, Severity: finding.Info, Since: now,
		Message: message.New("notify.test"),
	}
	item := Item{Alert: m, Receiver: receiver, Phase: Happened, At: now}
	item.ID = digest(receiver, m.Key(), now.UTC().Format(time.RFC3339Nano))
	return Note{ID: "msg_" + item.ID, Items: []Item{item}}
}

// Samples returns alerts of each kind that a daemon reports, with made-up values,
// about the given subject.
func Samples(of Subject, warnings []int, now time.Time) []Alert {
	f := Facts{
		Now: now, Warnings: warnings, Instances: []string{of.Instance},
		Statuses: []binding.Status{{Name: of.Binding, File: of.File, Spec: binding.Spec{Instance: of.Instance, Platform: of.Platform}, Conditions: []binding.Condition{{
			Type: binding.TokenValid, Status: binding.False, Reason: "Invalid", LastTransitionTime: now.Add(-time.Hour), Message: message.New("gitlab.refused", "host", "gitlab.example.com", "why", message.New("gitlab.why.expired")),
		}}}},
		Outages: []binding.Outage{{
			PartAnswer: binding.PartAnswer{Part: binding.Part{Kind: binding.PartVault}, Asked: true, Reason: "Transient", Message: message.Verbatim("connection refused")},
			Since:      now.Add(-time.Hour),
		}},
		Broken: []finding.Finding{finding.New("yaml-syntax", message.Verbatim("…")).At(of.File, 3, 1)},
		Pending: map[string][]binding.RetryState{of.Instance: {{Binding: of.Binding, Pending: []binding.PendingSince{
			{Platform: of.Platform, Object: binding.AccountObject(), Action: "authorize", Since: now.Add(-time.Hour)},
			{Platform: of.Platform, Object: binding.RepositoryObject("payments/api"), Action: "manual", Since: now.AddDate(0, 0, -8), Overdue: true},
		}}}},
		History: []binding.HistoryEntry{{
			Time: now, Instance: of.Instance, Binding: of.Binding, Action: "rebind", Object: binding.AccountObject(), Outcome: "done",
			Revision: "4a6f1c0e9d2b",
		}},
		ReadUpTo: noHistory,
	}
	for _, w := range append([]int{-1}, warnings...) {
		s := f.Statuses[0]
		s.TokenExpires, s.Conditions = now.AddDate(0, 0, w), nil
		f.Statuses = append(f.Statuses, s)
	}
	w := f.Input()
	all := append(w.Alerts, w.Events...)
	slices.SortStableFunc(all, func(a, b Alert) int { return slices.Index(Kinds(), a.Kind) - slices.Index(Kinds(), b.Kind) })
	return all
}

// Preview makes a note of an alert in one of its phases.
func Preview(m Alert, phase Phase, now time.Time) Note {
	return Note{Items: []Item{{Alert: m, Phase: phase, At: now}}}
}

// Ends reports whether the end of an alert is reported.
func (m Alert) Ends() bool { return m.Kind != Applied && m.Kind != TestMessage }
