package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/status"
	"reconciler/internal/worldtest"
)

// TestAFallbackThatCannotBeRecordedIsNoBindAsDeclared: the previous version is
// bound again, and that cannot be recorded.
func TestAFallbackThatCannotBeRecordedIsNoBindAsDeclared(t *testing.T) {
	for _, call := range []string{"store put-record", "store delete-intent", "store append-event"} {
		w := newWorld()
		r := w.restarted()
		bare := gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
		synced(t, r, desire(bare))
		w.Tokens["acr/gitlab"] = append(w.Tokens["acr/gitlab"], "canary-gitlab-2")
		w.Passes(time.Hour)
		binds := 0
		w.Fault = func(c string) worldtest.Fault {
			if strings.HasPrefix(c, "bind") {
				if binds++; binds == 1 {
					return worldtest.Fault{Before: &binding.Failure{Kind: binding.Refused, Fault: binding.FaultToken}}
				}
			}
			if binds > 1 && strings.HasPrefix(c, call) {
				return worldtest.Fault{Before: errDead}
			}
			return worldtest.Fault{}
		}
		sync1(t, r, desire(bare))
		if w.Bound(binding.GitLab) != "canary-gitlab-1" {
			t.Fatalf("%s: %q is bound", call, w.Bound(binding.GitLab))
		}
		for _, of := range []binding.ConditionType{binding.Bound, binding.Ready} {
			if c := conditionOf(t, r, "pay-gitlab", of); c.Reason != status.ReasonPreviousToken {
				t.Errorf("%s: %s is %s (%s): %s", call, of, c.Status, c.Reason, text(c.Message))
			}
		}
		rebound := func(h binding.HistoryEntry) bool {
			return h.Action == string(plan.Rebind) && h.Outcome == string(plan.Done)
		}
		if slices.ContainsFunc(w.History(), rebound) {
			t.Errorf("%s: the history has the rebind as done", call)
		}
	}
}

// TestAnAnnouncedRuleStaysDueWhileNothingAnswers: a rule was removed for a
// different one, and the process ended. In the first round after that, something
// does not answer, and the windows are closed.
func TestAnAnnouncedRuleStaysDueWhileNothingAnswers(t *testing.T) {
	for name, first := range map[string]func(w *world, d *plan.Desired){
		"the repository is not read": func(w *world, _ *plan.Desired) { w.FailOn("repository", fault{Before: errDead}) },
		"the account is not read":    func(w *world, _ *plan.Desired) { w.FailOn("account", fault{Before: errDead}) },
		"its file is broken": func(_ *world, d *plan.Desired) {
			d.Broken, d.Declarations = []string{d.Declarations[0].File}, nil
		},
	} {
		w, r, d := crashedBetweenHalves(t)
		less := d
		first(w, &less)
		sync1(t, r, less)
		w.Fault = nil
		for range 2 {
			w.Passes(5 * time.Minute)
			sync1(t, r, d)
		}
		if rules := w.Repos["pay/api"].Rules; len(rules) != 2 {
			t.Errorf("%s: %+v", name, rules)
		}
		if left := w.Intents(); len(left) > 0 {
			t.Errorf("%s: intents are left: %+v", name, left)
		}
	}
}

// TestALinkOfARenamedDeclarationIsNotForgotten: it is suspended while its link
// disappears, and drift is only reported.
func TestALinkOfARenamedDeclarationIsNotForgotten(t *testing.T) {
	w := newWorld()
	r := w.restarted()
	report := func(d *binding.Declaration) { d.Spec.DriftPolicy = binding.Report }
	renamed := func(d *binding.Declaration) { d.Name = "renamed" }
	synced(t, r, desire(gitlab(report)))
	w.Passes(time.Hour)
	synced(t, r, desire(gitlab(report)))
	w.Repos["pay/api"].Link = nil
	w.Passes(time.Hour)
	sync1(t, r, desire(gitlab(report, renamed, func(d *binding.Declaration) {
		d.Spec.Suspend = &binding.Suspend{Until: binding.DateOf(w.Now)}
	})))
	for range 2 {
		w.Passes(24 * time.Hour)
		sync1(t, r, desire(gitlab(report, renamed)))
	}
	if w.Repos["pay/api"].Link != nil {
		t.Error("drift that is only reported was corrected")
	}
}

// TestStepsOfAnotherDeclarationAreNotShown, although it is unknown whether they are
// done.
func TestStepsOfAnotherDeclarationAreNotShown(t *testing.T) {
	w := newWorld()
	w.Caps.Bind = false
	r, d := w.restarted(), gitlab()
	sync1(t, r, desire(d))
	if s, _ := r.Status(d.Name); len(s.Pending) == 0 {
		t.Fatal("nobody is asked")
	}
	w.FailOn("account", fault{Before: errDead})
	w.Passes(5 * time.Minute)
	sync1(t, r, desire(d))
	if s, _ := r.Status(d.Name); len(s.Pending) == 0 {
		t.Error("the step is not shown while the registry gives no answer")
	}
	d.Spec.Username = "ci-two"
	w.Passes(5 * time.Minute)
	sync1(t, r, desire(d))
	if s, _ := r.Status(d.Name); len(s.Pending)+len(s.Steps) > 0 {
		t.Errorf("shown: %+v", s.Steps)
	}
}

// TestTheHistoryHasAWriteOnceThatCannotBeRecorded, however often that is tried.
func TestTheHistoryHasAWriteOnceThatCannotBeRecorded(t *testing.T) {
	w := newWorld()
	r := w.restarted()
	bare := gitlab(func(d *binding.Declaration) { d.Spec.Repositories = nil })
	bound := false
	w.Fault = func(c string) worldtest.Fault {
		bound = bound || strings.HasPrefix(c, "bind")
		if bound && (strings.HasPrefix(c, "store put-record") || strings.HasPrefix(c, "store delete-intent")) {
			return worldtest.Fault{Before: errDead}
		}
		return worldtest.Fault{}
	}
	sync1(t, r, desire(bare))
	for range 5 {
		w.Passes(5 * time.Minute)
		if _, err := r.Sync(t.Context(), desire(bare), binding.DepthPreflight); err == nil {
			t.Error("what cannot be recorded is not reported")
		}
	}
	if all := w.History(); len(all) != 1 || all[0].Outcome != string(plan.Done) {
		t.Errorf("history: %+v", all)
	}
}

// TestABindingThatIsRenamedRemembersWhatItsNewNameLeft: a different binding had
// that name before, and a rule of ours was left of it.
func TestABindingThatIsRenamedRemembersWhatItsNewNameLeft(t *testing.T) {
	w := newWorld()
	r := w.restarted()
	a := gitlab(unbinds)
	synced(t, r, desire(a))
	w.Passes(time.Hour)
	synced(t, r, desire(a))
	w.Caps.WriteRules = false
	for range 3 {
		w.Passes(time.Hour)
		sync1(t, r, desire(codeup()))
	}
	if len(w.Records()["pay-gitlab/gitlab"].Images) != 1 {
		t.Fatal("nothing is left")
	}
	b := gitlab(unbinds, func(d *binding.Declaration) { d.Name, d.Spec.Repositories = "second", nil })
	for _, name := range []string{"second", "pay-gitlab"} {
		b.Name = name
		w.Passes(time.Hour)
		sync1(t, r, desire(codeup(), b))
	}
	if record := w.Records()["pay-gitlab/gitlab"]; !record.Managed || len(record.Images) != 1 {
		t.Errorf("%+v", record)
	}
}
