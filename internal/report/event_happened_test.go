package report_test

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// TestEventsNameOnlyWhatHappened: an action that was stopped before it wrote anything, or
// that waits for a window after all, was not applied.
func TestEventsNameOnlyWhatHappened(t *testing.T) {
	t.Parallel()
	for state, want := range map[plan.OutcomeState]int{plan.Done: 1, plan.Failed: 1, plan.Stopped: 0, plan.Deferred: 0} {
		o := plan.Outcome{State: state, Action: plan.Action{Binding: "pay", Kind: plan.Rebind, Object: binding.AccountObject()}}
		items := report.EventItems(plan.Event{Kind: plan.ActionDone, Instance: "prod", Action: o.Action, Outcome: &o})
		if len(items) != want {
			t.Errorf("%s: %+v", state, items)
		}
	}
}

// TestStepsDueAreThoseOfPeople: what the daemon does once a person has done a step is no
// step of theirs.
func TestStepsDueAreThoseOfPeople(t *testing.T) {
	t.Parallel()
	action := func(kind plan.Kind) plan.Outcome {
		return plan.Outcome{State: plan.Pending, Action: plan.Action{Binding: "pay", Kind: kind, Object: binding.AccountObject(), Reason: message.Verbatim("why")}}
	}
	items := report.EventItems(plan.Event{
		Kind: plan.SyncDone, Instance: "prod", Plan: &plan.Plan{}, Result: &plan.Result{Outcomes: []plan.Outcome{action(plan.Authorize), action(plan.Unbind)}},
	})
	if len(items) != 1 || items[0].Reason != "StepsDue" {
		t.Errorf("%+v", items)
	}
}

// TestAFindingIsOfTheBindingThatItIsAbout: a file may declare several.
func TestAFindingIsOfTheBindingThatItIsAbout(t *testing.T) {
	t.Parallel()
	declared := func(name string, line int32) binding.Declaration {
		return binding.Declaration{Name: name, File: "team.yaml", Positions: binding.NewPositions(binding.FieldPosition{Line: line, Column: 1})}
	}
	ev := plan.Event{Kind: plan.SyncDone, Instance: "prod", Plan: &plan.Plan{}, Result: &plan.Result{}}
	for _, d := range []binding.Declaration{declared("api", 1), declared("pay", 20), declared("web", 40)} {
		ev.Plan.Actions = append(ev.Plan.Actions, plan.Action{Binding: d.Name, Kind: plan.Noop, Object: binding.AccountObject(), Target: plan.Target{Declaration: &d}})
		ev.Plan.Findings = append(ev.Plan.Findings, finding.New("drift", message.Verbatim("of "+d.Name)).At(d.File, d.At("").Line, 1))
		ev.Statuses = append(ev.Statuses, binding.Status{Name: d.Name, File: d.File})
	}
	ev.Plan.Findings = append(ev.Plan.Findings, finding.New("drift", message.Verbatim("of ?")).At("team.yaml", 3, 1))
	for _, item := range report.EventItems(ev) {
		if want := map[string]string{"of api": "api", "of pay": "pay", "of web": "web", "of ?": ""}[item.Message]; item.Binding != want {
			t.Errorf("the finding %q is said to be of %q", item.Message, item.Binding)
		}
	}
}
