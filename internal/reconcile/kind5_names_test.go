package reconcile_test

import (
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/sandbox"
)

// TestKind1AVerdictEndsAlsoWhereTheSameVersionIsTheWayBack: a different user is
// declared, with the same secret. The registry rejects it, and the previous account
// is bound again. After a day, it is tried again, as the message says.
func TestKind1AVerdictEndsAlsoWhereTheSameVersionIsTheWayBack(t *testing.T) {
	l := appliedWorld(t)
	l.registry.Faults.Add(sandbox.Fault{
		Times: 1, Status: 400, ContentType: "application/json", Body: `{"requestId":"r","code":"SOURCE_ACCOUNT_INVALID","message":"no"}`, Match: bindCall,
	})
	l.desired = desire(gitlab(func(d *binding.Declaration) { d.Spec.Username = "ci-two" }))
	l.sync()
	if l.Accounts()[0].Username != "ci-bot" {
		t.Fatalf("no way back: %+v", l.Accounts())
	}
	l.syncs(30, time.Hour)
	if l.Accounts()[0].Username != "ci-two" {
		t.Errorf("after 30 hours: %+v, %s", l.Accounts(), text(conditionOf(t, l.r, "pay-gitlab", binding.Ready).Message))
	}
}

// TestKind5ABindingThatGetsItsFirstNameBackIsKnown: a person binds the account
// again while the binding is renamed, and later it is renamed back. The token
// counts as the one that we bound under the other name, and nothing is left of that
// name.
func TestKind5ABindingThatGetsItsFirstNameBackIsKnown(t *testing.T) {
	reports := func(d *binding.Declaration) { d.Spec.DriftPolicy = binding.Report }
	renamed := func(d *binding.Declaration) { d.Name = "renamed" }
	l := appliedWorld(t)
	l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username)
	l.desired = desire(gitlab(renamed))
	l.syncs(4, 5*time.Minute)
	if v := l.Records()["renamed/gitlab"].TokenVersion; v != 1 {
		t.Fatalf("version %d", v)
	}
	l.desired = desire(gitlab(reports))
	l.syncs(4, 5*time.Minute)
	for _, unsettled := range l.unsettled() {
		t.Error(unsettled)
	}
	for _, s := range l.r.Statuses() {
		if s.Name != "pay-gitlab" {
			t.Errorf("%s is shown still: %s", s.Name, s.Conditions[0].Reason)
		}
	}
}

// TestKind2NoVersionIsShownWhereNothingIsBound: drift that is only reported.
func TestKind2NoVersionIsShownWhereNothingIsBound(t *testing.T) {
	for name, person := range map[string]func(*lagging){
		"unbound":            func(l *lagging) { l.ConsoleUnbind("gitlab") },
		"somebody else":      func(l *lagging) { l.ConsoleBind("gitlab", gitlab().Spec.Address, "eve") },
		"with another token": func(l *lagging) { l.ConsoleBind("gitlab", gitlab().Spec.Address, gitlab().Spec.Username) },
	} {
		l := appliedWorld(t, func(d *binding.Declaration) { d.Spec.DriftPolicy = binding.Report })
		person(l)
		l.syncs(2, 5*time.Minute)
		s, _ := l.r.Status("pay-gitlab")
		if s.TokenVersion != 0 {
			t.Errorf("%s: version %d is shown as bound; Bound: %+v", name, s.TokenVersion, binding.FindCondition(s.Conditions, binding.Bound).Reason)
		}
	}
}
