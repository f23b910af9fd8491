package report_test

import (
	"errors"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// TestEventsAreOneOnlyIfTheSameHappenedToTheSame: no event hides another one under
// its own text. What differs from time to time only is a repetition.
func TestEventsAreOneOnlyIfTheSameHappenedToTheSame(t *testing.T) {
	t.Parallel()
	done := func(kind plan.Kind, object binding.Object, err error) plan.Event {
		return plan.Event{
			Kind: plan.ActionDone, Instance: "prod", Revision: "r1", Err: err,
			Action: plan.Action{Binding: "pay", Kind: kind, Object: object, Reason: message.Verbatim("why")},
		}
	}
	asked := func(kind plan.EventKind, by, reason string, until int) plan.Event {
		return plan.Event{Kind: kind, Instance: "prod", Binding: "pay", Person: binding.Person{By: by}, Reason: reason, Until: atHour(until)}
	}
	found := func(path string, days int) plan.Event {
		f := finding.New("token-expiry", message.New("plan.token-expiry.soon", "name", "pay", "days", days)).At("pay.yaml", 1, 1).In(path)
		return plan.Event{Kind: plan.SyncDone, Instance: "prod", Revision: "r1", Plan: &plan.Plan{Findings: []finding.Finding{f}}, Result: &plan.Result{}}
	}
	broken := func(file, code string) plan.Event {
		return plan.Event{Kind: plan.FileBroken, Revision: "r1", Findings: []finding.Finding{finding.New(code, message.Verbatim("x")).At(file, 1, 1)}}
	}
	from := func(kind plan.EventKind, name string) plan.Event { return plan.Event{Kind: kind, From: name} }
	account, api, jobs := binding.AccountObject(), binding.RepositoryObject("pay/api"), binding.RepositoryObject("pay/jobs")
	timeout := &binding.Failure{Kind: binding.FailureKind("timeout"), Err: errors.New("after 3s")}
	for name, tt := range map[string]struct {
		a, b plan.Event
		one  bool
	}{
		"another action":             {done(plan.Bind, account, nil), done(plan.Rebind, account, nil), false},
		"another object":             {done(plan.Link, api, nil), done(plan.Link, jobs, nil), false},
		"another failure":            {done(plan.Link, api, message.NewError("condition.as-declared")), done(plan.Link, api, message.NewError("condition.bound")), false},
		"the same failure":           {done(plan.Link, api, timeout), done(plan.Link, api, timeout), true},
		"a failure in other words":   {done(plan.Link, api, errors.New("request 1 failed")), done(plan.Link, api, errors.New("request 2 failed")), true},
		"a suspension by another":    {asked(plan.Suspended, "Ada", "freeze", 4), asked(plan.Suspended, "Bob", "freeze", 4), false},
		"a suspension until another": {asked(plan.Suspended, "Ada", "freeze", 4), asked(plan.Suspended, "Ada", "freeze", 5), false},
		"a sync for another reason":  {asked(plan.SyncAsked, "Ada", "a look", 0), asked(plan.SyncAsked, "Ada", "rotated", 0), false},
		"a sync again":               {asked(plan.SyncAsked, "Ada", "a look", 0), asked(plan.SyncAsked, "Ada", "a look", 0), true},
		"a finding elsewhere":        {found("spec.repositories[0]", 7), found("spec.repositories[1]", 7), false},
		"a finding a day later":      {found("spec.token", 7), found("spec.token", 6), true},
		"another broken file":        {broken("a.yaml", "field-unknown"), broken("b.yaml", "field-unknown"), false},
		"another error in a file":    {broken("a.yaml", "field-unknown"), broken("a.yaml", "field-missing"), false},
		"a push of another sender":   {from(plan.WebhookReceived, "github"), from(plan.WebhookReceived, "gitlab"), false},
		"another configuration":      {from(plan.ConfigurationTaken, "a.yaml"), from(plan.ConfigurationTaken, "b.yaml"), false},
		"the same push":              {from(plan.WebhookReceived, "github"), from(plan.WebhookReceived, "github"), true},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := report.EventItems(tt.a), report.EventItems(tt.b)
			if len(a) != 1 || len(b) != 1 {
				t.Fatalf("%d and %d events", len(a), len(b))
			}
			if got := a[0].Key() == b[0].Key(); got != tt.one {
				t.Errorf("one event is %v, want %v:\n%+v\n%+v", got, tt.one, a[0], b[0])
			}
			redacted := a[0].Map(func(s string) string { return s })
			if redacted.Key() != a[0].Key() {
				t.Error("redacted, it is another event")
			}
		})
	}
	moved := report.EventItems(done(plan.Bind, account, nil))[0]
	moved.Revision = "r2"
	if moved.Key() == report.EventItems(done(plan.Bind, account, nil))[0].Key() {
		t.Error("what happened at two revisions is one event")
	}
}
