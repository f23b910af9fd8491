package metrics

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// TestRadarMetricCountsDownToTheEnd: the metric has the seconds left for each
// binding with a known end, negative after it, and none for the others.
func TestRadarMetricCountsDownToTheEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	status := func(name string, expires time.Time) binding.Status {
		return binding.Status{Name: name, Spec: binding.Spec{Instance: "prod", Platform: binding.GitLab}, TokenExpires: expires}
	}
	got := ofBindings(t, "reconciler_binding_token_expiry_seconds", now,
		status("soon", now.Add(time.Hour)), status("ended", now.Add(-time.Minute)), status("untold", time.Time{}))
	if len(got) != 2 || got["soon"] != 3600 || got["ended"] != -60 {
		t.Errorf("seconds left = %v, want soon 3600 and ended -60", got)
	}
}

// TestStepsOfPeopleAreCountedAndThoseOverdue: by what they are done to, however
// many clicks each takes.
func TestStepsOfPeopleAreCountedAndThoseOverdue(t *testing.T) {
	status := func(name string, waiting ...binding.PendingStep) binding.Status {
		return binding.Status{Name: name, Spec: binding.Spec{Instance: "prod", Platform: binding.GitHub}, Pending: waiting, Steps: []message.Message{message.Verbatim("a"), message.Verbatim("b"), message.Verbatim("c")}}
	}
	statuses := []binding.Status{
		status("none"), status("due", binding.PendingStep{Object: binding.AccountObject()}),
		status("late", binding.PendingStep{Object: binding.AccountObject(), Overdue: true}, binding.PendingStep{Object: binding.RepositoryObject("pay/api")}),
	}
	for name, want := range map[string]map[string]float64{
		"reconciler_binding_person_steps":         {"none": 0, "due": 1, "late": 2},
		"reconciler_binding_person_steps_overdue": {"none": 0, "due": 0, "late": 1},
	} {
		if diff := cmp.Diff(want, ofBindings(t, name, time.Now(), statuses...)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// ofBindings are the values of a metric, by binding.
func ofBindings(t *testing.T, name string, now time.Time, statuses ...binding.Status) map[string]float64 {
	t.Helper()
	m := New(sourcesOf(now, statuses...))
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "binding" {
					got[label.GetValue()] = metric.GetGauge().GetValue()
				}
			}
		}
	}
	return got
}

// sourcesOf are those of a daemon with these statuses and nothing else.
func sourcesOf(now time.Time, statuses ...binding.Status) Sources {
	return Sources{
		Statuses: func() []binding.Status { return statuses },
		Now:      func() time.Time { return now },
		Loops:    func() map[string]reconcile.LoopState { return nil },
		Windows:  func() map[string]plan.WindowState { return nil },
		Findings: func() map[FindingLabels]int { return nil },
		Parts:    func() map[Part]bool { return nil },
		Vault:    func() *VaultLogin { return nil },
	}
}
