package metrics

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// samples are the values of a metric that are not 0, by the values of their labels.
func samples(t *testing.T, m *Metrics, name string) map[string]float64 {
	t.Helper()
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, s := range family.GetMetric() {
			key := ""
			for _, label := range s.GetLabel() {
				key += label.GetValue() + " "
			}
			if value := valueOf(s); value != 0 {
				got[key] = value
			}
		}
	}
	return got
}

func valueOf(m *dto.Metric) float64 {
	return m.GetCounter().GetValue() + m.GetGauge().GetValue()
}

// TestOnlyActionsThatWereTriedAreCounted: one that waits for a window after all, or was
// stopped before it wrote anything, is neither done nor failed.
func TestOnlyActionsThatWereTriedAreCounted(t *testing.T) {
	t.Parallel()
	m := New(sourcesOf(time.Now()))
	m.SetInstances([]string{"prod"})
	for _, state := range []plan.OutcomeState{plan.Done, plan.Failed, plan.Stopped, plan.Deferred} {
		o := plan.Outcome{State: state, Action: plan.Action{
			Binding: "pay", Platform: binding.GitLab, Kind: plan.Rebind, Cause: plan.CauseDrift, Object: binding.AccountObject(),
		}}
		m.Count(plan.Event{Kind: plan.ActionDone, Instance: "prod", Action: o.Action, Outcome: &o})
	}
	for _, name := range []string{"reconciler_actions_total", "reconciler_drift_repairs_total"} {
		if got := samples(t, m, name); len(got) != 2 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestDriftThatIsNotLookedAtIsStillThere: while a binding is suspended, or its file is
// invalid, its drift is not planned. It is not over, and is not counted again after that.
func TestDriftThatIsNotLookedAtIsStillThere(t *testing.T) {
	t.Parallel()
	account := func(kind plan.Kind, cause plan.Cause) plan.Action {
		return plan.Action{Binding: "pay", Platform: binding.GitLab, Kind: kind, Cause: cause, Object: binding.AccountObject()}
	}
	link := plan.Action{Binding: "pay", Platform: binding.GitLab, Kind: plan.Noop, Cause: plan.CauseDrift, Object: binding.RepositoryObject("pay/api")}
	settled := link
	settled.Cause = plan.CauseSettled
	for name, away := range map[string][]plan.Action{
		"suspended":           {account(plan.Noop, plan.CauseSuspended)},
		"its file is invalid": {account(plan.Noop, plan.CauseFileBroken)},
		"the account has drifted, and is the only one that is planned": {account(plan.Noop, plan.CauseDrift)},
	} {
		m := New(sourcesOf(time.Now()))
		m.SetInstances([]string{"prod"})
		sync := func(actions ...plan.Action) {
			m.Count(plan.Event{Kind: plan.SyncDone, Instance: "prod", Plan: &plan.Plan{Actions: actions}, Result: &plan.Result{}})
		}
		sync(account(plan.Noop, plan.CauseSettled), link)
		sync(away...)
		if got := samples(t, m, "reconciler_drift_objects")["report prod "]; got < 1 {
			t.Errorf("%s: %v objects have drifted", name, got)
		}
		sync(account(plan.Noop, plan.CauseSettled), link)
		if got := samples(t, m, "reconciler_drift_found_total")["source gitlab prod "]; got != 1 {
			t.Errorf("%s: drift of the source is counted %v times", name, got)
		}
		sync(account(plan.Noop, plan.CauseSettled), settled)
		if got := samples(t, m, "reconciler_drift_objects"); len(got) != 0 {
			t.Errorf("%s: in the end %v", name, got)
		}
	}
}
