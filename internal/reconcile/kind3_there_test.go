package reconcile_test

import (
	"net/http"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
)

// hidden requires that nothing failed and nothing is claimed for a binding whose
// account exists according to the registry, although no read shows it.
func (l *lagging) hidden(result plan.Result) {
	l.t.Helper()
	if err := result.Err(); err != nil || result.Count(plan.Failed, plan.Skipped, plan.Held) > 0 {
		l.t.Errorf("something failed: %v", err)
	}
	if e := l.RetryStates()["pay-gitlab"]; e.Failed != nil || len(e.Repairs) > 0 {
		l.t.Errorf("a failure or a repair is counted: %+v", e)
	}
	for _, of := range []binding.ConditionType{binding.Ready, binding.Bound, binding.RepositoriesLinked} {
		if c := conditionOf(l.t, l.r, "pay-gitlab", of); c.Status != binding.Unclear || c.Reason != "NotVisibleYet" {
			l.t.Errorf("%s is %s (%s): %s", of, c.Status, c.Reason, text(c.Message))
		}
	}
}

// TestKind3WhatTheRegistrySaysIsThereIsNotVisibleYet: a bind is sent because a read
// is outdated, and the registry rejects it because an account exists.
func TestKind3WhatTheRegistrySaysIsThereIsNotVisibleYet(t *testing.T) {
	user, address := gitlab().Spec.Username, gitlab().Spec.Address
	lags := func(l *lagging, by time.Duration) { l.SetReadLag(sandbox.ReadLag{Object: "gitlab", By: by}) }
	for name, tt := range map[string]struct {
		do   func(*lagging)
		then binding.ConditionStatus
		why  string
	}{
		"our own account, shown later than sync.settle": {func(l *lagging) {
			lags(l, 4*time.Minute)
			l.sync()
			l.syncs(3, 40*time.Second)
			l.Passes(30 * time.Second)
		}, binding.True, "AsDeclared"},
		"the account that a person bound": {func(l *lagging) {
			lags(l, 50*time.Second)
			l.ConsoleBind("gitlab", address, user)
		}, binding.True, "AsDeclared"},
		"another one that a person bound": {func(l *lagging) {
			lags(l, 50*time.Second)
			l.ConsoleBind("gitlab", address, "somebody")
		}, binding.False, "OtherAccount"},
		"one that a person bound after an unbind": {func(l *lagging) {
			l.sync()
			l.Passes(time.Hour)
			l.ConsoleUnbind("gitlab")
			l.Passes(time.Hour)
			lags(l, 50*time.Second)
			l.ConsoleBind("gitlab", address, user)
		}, binding.True, "AsDeclared"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLagging(t, gitlab())
			tt.do(l)
			binds := l.registry.Count("CreateUserSourceAccount")
			l.hidden(l.sync())
			l.called("CreateUserSourceAccount", binds+1)
			l.syncs(1, 10*time.Second)
			l.hidden(l.sync())
			l.syncs(4, 3*time.Minute)
			if c := conditionOf(t, l.r, "pay-gitlab", binding.Ready); c.Status != tt.then || c.Reason != tt.why {
				t.Errorf("in the end Ready is %s (%s): %s", c.Status, c.Reason, text(c.Message))
			}
		})
	}
}

// TestKind3AnAccountThatIsThereInTheMiddleOfARotation: we unbound the account, and
// the registry answers that one exists. It does not count as lost, and no other
// version is bound instead.
func TestKind3AnAccountThatIsThereInTheMiddleOfARotation(t *testing.T) {
	says := func(code string) sandbox.Fault {
		return sandbox.Fault{Times: 1, Status: http.StatusConflict, ContentType: "application/json;charset=utf-8", Body: `{"requestId":"r","code":"` + code + `"}`}
	}
	there := says("SOURCE_ACCOUNT_ALREADY_EXIST")
	t.Run("of the new version", func(t *testing.T) {
		l := rotating(t, there)
		binds := l.registry.Count("CreateUserSourceAccount")
		l.hidden(l.sync())
		l.called("CreateUserSourceAccount", binds+1)
		l.syncs(1, time.Second)
		if !l.TokenIs("gitlab", "canary-gitlab-2") {
			t.Error("the new version is not bound by the next sync")
		}
		l.ends()
	})
	t.Run("of the version before", func(t *testing.T) {
		before := there
		before.Match = bindOf("canary-gitlab-1")
		l := rotating(t, says("SOURCE_ACCOUNT_INVALID"), before)
		l.sync()
		if c := conditionOf(t, l.r, "pay-gitlab", binding.Bound); c.Status != binding.Unclear || c.Reason != "NotVisibleYet" {
			t.Errorf("Bound is %s (%s): %s", c.Status, c.Reason, text(c.Message))
		}
		l.syncs(3, time.Minute)
		if c := conditionOf(t, l.r, "pay-gitlab", binding.Bound); c.Status != binding.True {
			t.Errorf("in the end Bound is %s (%s): %s", c.Status, c.Reason, text(c.Message))
		}
	})
}

// TestKind3WhatIsThereAndNeverShownFails: the registry answers for longer than
// sync.settle that an account exists, and no read shows it. A person has to take a
// look.
func TestKind3WhatIsThereAndNeverShownFails(t *testing.T) {
	l := newLagging(t, gitlab())
	l.SetReadLag(sandbox.ReadLag{Object: "gitlab", By: 24 * time.Hour})
	l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username)
	l.hidden(l.sync())
	l.syncs(4, time.Minute)
	for _, of := range []binding.ConditionType{binding.Ready, binding.Bound} {
		if c := conditionOf(t, l.r, "pay-gitlab", of); c.Status != binding.False || c.Reason != "Failed" && c.Reason != "Retrying" {
			t.Errorf("%s is %s (%s): %s", of, c.Status, c.Reason, text(c.Message))
		}
	}
	if l.RetryStates()["pay-gitlab"].Failed == nil {
		t.Error("no pause before the next attempt")
	}
	l.SetReadLag()
	l.syncs(2, 40*time.Minute)
	for _, unsettled := range l.unsettled() {
		t.Errorf("in the end: %s", unsettled)
	}
	if e := l.RetryStates()["pay-gitlab"]; !e.ContradictedSince.IsZero() {
		t.Errorf("the registry says so since %s", e.ContradictedSince)
	}
}
