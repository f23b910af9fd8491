package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// A person may unbind as often as they like while the newest version is refused:
// the one before stays known as the one that it is.
func TestTheTokenBeforeIsBoundAgainMoreThanOnce(t *testing.T) {
	w := rotated(t)
	w.refuseSecond()
	r := reconcile.New(w.options())
	if err := sync1(t, r, desire(gitlab())).Err(); !errors.Is(err, plan.ErrFellBack) {
		t.Fatalf("result: %v, want ErrFellBack", err)
	}
	w.Fault = nil
	created := w.Records()["pay-gitlab/gitlab"].TokenCreated
	for range 2 {
		w.Passes(time.Hour)
		w.ConsoleUnbinds(binding.GitLab)
		synced(t, r, desire(gitlab()))
		if w.BoundBy[binding.GitLab] != "canary-gitlab-1" {
			t.Fatalf("bound: %q", w.BoundBy[binding.GitLab])
		}
	}
	if record := w.Records()["pay-gitlab/gitlab"]; record.TokenVersion != 1 || !record.TokenCreated.Equal(created) {
		t.Errorf("record: %+v, want the token created at %s", record, created)
	}
}

// A bind that certainly had no effect is not the one that a person makes later,
// whose token nobody knows.
func TestWhatAPersonBindsAfterOurBindFailedIsNotOurs(t *testing.T) {
	for name, policy := range map[string]binding.DriftPolicy{"correct": binding.Correct, "report": binding.Report} {
		t.Run(name, func(t *testing.T) {
			w := rotated(t)
			w.Tokens["acr/gitlab"][0] = "" // There is no way back.
			w.FailOn("bind", fault{Before: &binding.Failure{Kind: binding.Refused, Fault: binding.FaultService, Code: "SystemBusy", Op: "registry: bind"}})
			r, d := reconcile.New(w.options()), desire(gitlab(func(d *binding.Declaration) { d.Spec.DriftPolicy = policy }))
			if err := sync1(t, r, d).Err(); !errors.Is(err, plan.ErrLost) {
				t.Fatalf("result: %v, want ErrLost", err)
			}
			w.Fault = nil
			w.Passes(time.Hour)
			account := gitlab().Spec.Account()
			account.ID, account.Created = "999", w.Clock()
			w.Accounts[binding.GitLab], w.BoundBy[binding.GitLab] = &account, "another token"
			sync1(t, r, d)
			record, bound := w.Records()["pay-gitlab/gitlab"], w.BoundBy[binding.GitLab]
			ready := conditionOf(t, r, "pay-gitlab", binding.Ready)
			if policy == binding.Report && (record.TokenVersion == 2 || bound != "another token" || ready.Status == binding.True) {
				t.Errorf("bound: %q, record: %+v, Ready: %+v", bound, record, ready)
			}
			if policy == binding.Correct && (record.TokenVersion != 2 || bound != "canary-gitlab-2") {
				t.Errorf("bound: %q, record: %+v", bound, record)
			}
		})
	}
}
