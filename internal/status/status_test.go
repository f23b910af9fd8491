package status_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
)

// failedBind is a round of one declared binding, which is not bound, and its
// result.
func failedBind(at time.Time) (*plan.Round, plan.Result) {
	round := plan.NewRound(plan.Round{Revision: "r1", Input: plan.Input{
		Now: at, Instance: plan.Instance{Name: "prod"}, Policy: plan.DefaultPolicy(),
		Declarations: []binding.Declaration{{Name: "pay", File: "pay.yaml", Spec: binding.Spec{
			Instance: "prod", Platform: binding.Codeup, Username: "ci",
			Token: &binding.Token{Vault: binding.VaultRef{Mount: "secret", Path: "acr/pay", Key: "token"}},
		}}},
		Observation: binding.Observation{
			Capabilities: binding.Capabilities{ListAccounts: true, Bind: true, Unbind: true},
			Accounts:     map[binding.Platform]binding.AccountState{binding.Codeup: {}},
			Tokens:       map[string]binding.TokenState{"pay": {Version: 1}},
		},
		Records: []binding.Record{{Instance: "prod", Binding: "gone", Platform: binding.GitLab, File: "gone.yaml"}},
	}})
	result := plan.Result{Ended: at.Add(time.Minute)}
	for _, a := range round.Plan.Actions {
		result.Outcomes = append(result.Outcomes, plan.Outcome{
			Action: a, State: plan.Failed, Err: errors.New("no"),
			Retry: binding.RetryState{Binding: "pay", Failed: &binding.Failed{Times: 2, Next: at.Add(time.Hour)}},
		})
	}
	return round, result
}

// TestNextIsPure computes statuses twice from the same values: both are equal, and
// the values are not changed.
func TestNextIsPure(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	before := statusesAfter(nil, first(failedBind(at)), second(failedBind(at)))
	kept := statusesAfter(nil, first(failedBind(at)), second(failedBind(at)))
	round, result := failedBind(at.Add(time.Hour))
	once, again := statusesAfter(before, round, result), statusesAfter(before, round, result)
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(once, again, all); diff != "" {
		t.Errorf("two statuses of one round (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(kept, before, all); diff != "" {
		t.Errorf("the statuses before changed (-before +after):\n%s", diff)
	}
	pay := once["pay"]
	ready := binding.FindCondition(pay.Conditions, binding.Ready)
	if ready == nil || ready.Status != binding.False || !ready.LastTransitionTime.Equal(at.Add(time.Minute)) {
		t.Errorf("ready: %+v, want False since the first round", ready)
	}
	if !pay.LastSync.Equal(result.Ended) || pay.Retry == nil || pay.Retry.Failures != 2 {
		t.Errorf("%+v: want times and retries of the outcomes", pay)
	}
	if c := binding.FindCondition(once["gone"].Conditions, binding.Declared); c == nil || c.Reason != status.ReasonNotDeclared {
		t.Errorf("what is not declared: %+v", c)
	}
}

func first(round *plan.Round, _ plan.Result) *plan.Round   { return round }
func second(_ *plan.Round, result plan.Result) plan.Result { return result }
