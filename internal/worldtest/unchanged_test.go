package worldtest_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/worldtest"
)

// TestAChangedRoundIsNoticed holds what the tests of apply, status and reconcile
// rely on: they fail if a round is changed after it was made.
func TestAChangedRoundIsNoticed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*plan.Round){
		"a record":      func(r *plan.Round) { r.Records[0].Images[0].Rules[0].Dockerfile = "/other" },
		"the plan":      func(r *plan.Round) { r.Plan.Actions[0].Target.Record.TokenVersion++ },
		"the time":      func(r *plan.Round) { r.Now = r.Now.Add(time.Second) },
		"an answer":     func(r *plan.Round) { r.Observation.Accounts[binding.GitLab] = binding.AccountState{} },
		"a retry state": func(r *plan.Round) { r.Retries["b"] = binding.Failed{Times: 2} },
	} {
		round := &plan.Round{
			Input: plan.Input{
				Records:     []binding.Record{{Images: []binding.RecordedImage{{Rules: []binding.RecordedRule{{}}}}}},
				Observation: binding.Observation{Accounts: map[binding.Platform]binding.AccountState{binding.GitLab: {Account: &binding.Account{ID: "1"}}}},
			},
			Retries: map[string]binding.Failed{"b": {Times: 1}},
			Plan:    plan.Plan{Actions: []plan.Action{{Target: plan.Target{Record: &binding.Record{}}}}},
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: the change was not noticed", name)
				}
			}()
			worldtest.Unchanged(round, func() { change(round) })
		}()
	}
}
