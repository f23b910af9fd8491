package daemon

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
	"reconciler/internal/secrets/vault"
)

// TestRadarMetricCountsDownToTheEnd: the metric has the seconds left for each
// binding with a known end, negative after it, and none for the others.
func TestRadarMetricCountsDownToTheEnd(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	status := func(name string, expires time.Time) binding.Status {
		return binding.Status{Name: name, Spec: binding.Spec{Instance: "prod", Platform: binding.GitLab}, TokenExpires: expires}
	}
	m := newMetrics(sights{
		statuses: func() []binding.Status {
			return []binding.Status{status("soon", now.Add(time.Hour)), status("ended", now.Add(-time.Minute)), status("untold", time.Time{})}
		},
		now:   func() time.Time { return now },
		loops: func() map[string]reconcile.LoopState { return nil },
		vault: func() *vault.Client { return nil },
	})
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != "reconciler_binding_token_expiry_seconds" {
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
	if len(got) != 2 || got["soon"] != 3600 || got["ended"] != -60 {
		t.Errorf("seconds left = %v, want soon 3600 and ended -60", got)
	}
}
