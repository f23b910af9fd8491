package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// A person may unbind as often as they like while the newest version is refused:
// the previous version stays known as what it is.
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

// A bind that certainly had no effect does not count as the bind that a person
// makes later, whose token is unknown.
func TestWhatAPersonBindsAfterOurBindFailedIsNotOurs(t *testing.T) {
	for name, policy := range map[string]binding.DriftPolicy{"correct": binding.Correct, "report": binding.Report} {
		t.Run(name, func(t *testing.T) {
			w := rotated(t)
			w.Tokens["acr/gitlab"][0] = "" // The previous token is not available.
			w.FailOn("bind", fault{Before: &binding.Failure{Kind: binding.Refused, Fault: binding.FaultService, Code: "SystemBusy", Op: message.Verbatim("registry: bind")}})
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

// One read without the account does not make us forget it: it is unbound once the
// registry shows it.
func TestARemovalIsNotConcludedFromOneRead(t *testing.T) {
	w := newWorld()
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(unbinds, func(d *binding.Declaration) { d.Spec.Repositories = nil }), codeup()))
	w.Passes(time.Hour)
	account := w.Accounts[binding.GitLab]
	delete(w.Accounts, binding.GitLab)
	synced(t, r, desire(codeup()))
	w.Accounts[binding.GitLab] = account
	for range 4 {
		w.Passes(time.Minute)
		sync1(t, r, desire(codeup()))
	}
	if w.Accounts[binding.GitLab] != nil || w.recorded("pay-gitlab/gitlab") {
		t.Errorf("bound: %+v, remembered: %+v", w.Accounts[binding.GitLab], w.Records())
	}
}

// From the adoption on, an account is not ready while its token is unknown.
func TestAnAdoptedAccountOfAnUnknownTokenIsNotReady(t *testing.T) {
	w := newWorld()
	account := gitlab().Spec.Account()
	account.ID = "999"
	w.Accounts[binding.GitLab], w.BoundBy[binding.GitLab] = &account, "another token"
	r, d := reconcile.New(w.options()), desire(gitlab(func(d *binding.Declaration) { d.Spec.DriftPolicy = binding.Report }))
	for n := range 3 {
		synced(t, r, d)
		if ready := conditionOf(t, r, "pay-gitlab", binding.Ready); ready.Status != binding.False || ready.Reason != status.ReasonVersionUnknown {
			t.Errorf("after sync %d: Ready is %s (%s): %s", n+1, ready.Status, ready.Reason, text(ready.Message))
		}
		w.Passes(time.Hour)
	}
}
