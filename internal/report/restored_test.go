package report_test

import (
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// TestAConditionThatIsTrueAgainIsAnEvent of type Normal, and nothing else is.
func TestAConditionThatIsTrueAgainIsAnEvent(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	status := func(of binding.ConditionType, is binding.ConditionStatus) []binding.Status {
		return []binding.Status{{Name: "pay", Conditions: []binding.Condition{
			{Type: of, Status: is, LastTransitionTime: at, Message: message.New("condition.as-declared")},
		}}}
	}
	for name, tt := range map[string]struct {
		before, after []binding.Status
		want          []string
	}{
		"Ready after False":                {status(binding.Ready, binding.False), status(binding.Ready, binding.True), []string{"ReadyRestored"}},
		"Bound after False":                {status(binding.Bound, binding.False), status(binding.Bound, binding.True), []string{"BoundRestored"}},
		"TokenValid after Unknown":         {status(binding.TokenValid, binding.Unclear), status(binding.TokenValid, binding.True), []string{"TokenValidRestored"}},
		"Ready as before":                  {status(binding.Ready, binding.True), status(binding.Ready, binding.True), nil},
		"Ready no more":                    {status(binding.Ready, binding.True), status(binding.Ready, binding.False), nil},
		"Ready is still False":             {status(binding.Ready, binding.False), status(binding.Ready, binding.False), nil},
		"never seen before":                {nil, status(binding.Ready, binding.True), nil},
		"another condition before":         {status(binding.Bound, binding.False), status(binding.Ready, binding.True), nil},
		"a step for a person, which waits": {status(binding.AwaitingAuthorization, binding.False), status(binding.AwaitingAuthorization, binding.True), nil},
		"suspended":                        {status(binding.Suspended, binding.False), status(binding.Suspended, binding.True), nil},
		"contested":                        {status(binding.Contested, binding.False), status(binding.Contested, binding.True), nil},
		"a window opens":                   {status(binding.WindowOpen, binding.False), status(binding.WindowOpen, binding.True), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range report.EventItems(plan.Event{
				Kind: plan.SyncDone, Instance: "prod", Revision: "r1", Plan: &plan.Plan{}, Result: &plan.Result{}, Before: tt.before, Statuses: tt.after,
			}) {
				got = append(got, e.Reason)
				if e.Type != report.EventNormal || e.Instance != "prod" || e.Binding != "pay" || e.Revision != "r1" || !e.Args.Get("since").(time.Time).Equal(at) {
					t.Errorf("%+v", e)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestAConditionOfAnInstanceThatIsTrueAgainIsAnEvent of no binding.
func TestAConditionOfAnInstanceThatIsTrueAgainIsAnEvent(t *testing.T) {
	is := func(of binding.ConditionType, s binding.ConditionStatus) []binding.Condition {
		return []binding.Condition{{Type: of, Status: s, Message: message.New("condition.credentials-accepted")}}
	}
	for name, tt := range map[string]struct {
		before, after []binding.Condition
		want          string
	}{
		"accepted again":           {is(binding.CredentialsAccepted, binding.False), is(binding.CredentialsAccepted, binding.True), "CredentialsAcceptedRestored"},
		"accepted, and not known":  {is(binding.CredentialsAccepted, binding.Unclear), is(binding.CredentialsAccepted, binding.True), "CredentialsAcceptedRestored"},
		"accepted as before":       {is(binding.CredentialsAccepted, binding.True), is(binding.CredentialsAccepted, binding.True), ""},
		"rejected":                 {is(binding.CredentialsAccepted, binding.True), is(binding.CredentialsAccepted, binding.False), ""},
		"rejected as before":       {is(binding.CredentialsAccepted, binding.False), is(binding.CredentialsAccepted, binding.False), ""},
		"the first sync":           {nil, is(binding.CredentialsAccepted, binding.True), ""},
		"the editions agree again": {is(binding.EditionAgreed, binding.False), nil, ""},
	} {
		items := report.EventItems(plan.Event{
			Kind: plan.SyncDone, Instance: "prod", Plan: &plan.Plan{}, Result: &plan.Result{}, ConditionsBefore: tt.before, Conditions: tt.after,
		})
		var got string
		for _, e := range items {
			got += e.Reason
			if e.Instance != "prod" || e.Binding != "" || e.Type != report.EventNormal {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
