package notify_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/notify"
	"reconciler/internal/status"
)

// TestKind11NothingIsReportedOverThatIsStillSo: what hides an alert, such as a
// suspension, a missing answer or another matter of the binding, does not end it, and
// what waits on purpose is reported by none of them.
func TestKind11NothingIsReportedOverThatIsStillSo(t *testing.T) {
	is := func(of binding.ConditionType, s binding.ConditionStatus, reason string) binding.Condition {
		return binding.Condition{Type: of, Status: s, Reason: reason}
	}
	unanswered := func(c binding.Condition) binding.Condition {
		c.LastKnown, c.KnownReason, c.Reason = true, c.Reason, c.Reason+status.SuffixLastKnown
		return c
	}
	good := []binding.Condition{is(binding.Ready, binding.True, status.ReasonAsDeclared), is(binding.Bound, binding.True, status.ReasonAsDeclared)}
	unbound := []binding.Condition{is(binding.Ready, binding.False, status.ReasonFailed), is(binding.Bound, binding.False, status.ReasonFailed)}
	waits := []binding.Condition{is(binding.Ready, binding.False, status.ReasonOutsideWindow), is(binding.Bound, binding.True, status.ReasonAsDeclared)}
	began, over := "condition Bound began", "condition Bound over"
	for name, tt := range map[string]struct {
		steps [][]binding.Condition
		want  []string
	}{
		"it ends": {[][]binding.Condition{unbound, good}, []string{began, over}},
		"it is suspended, and ends": {
			[][]binding.Condition{unbound, {is(binding.Ready, binding.False, status.ReasonSuspended), unbound[1]}, unbound, good}, []string{began, over},
		},
		"it is no longer declared": {
			[][]binding.Condition{unbound, {is(binding.Ready, binding.Unclear, status.ReasonNotDeclared), unbound[1]}}, []string{began, over},
		},
		"it waits for a window": {
			[][]binding.Condition{unbound, {is(binding.Ready, binding.False, status.ReasonOutsideWindow), unbound[1]}}, []string{began},
		},
		"a token is rejected too": {
			[][]binding.Condition{
				{is(binding.Ready, binding.False, status.ReasonRetrying)},
				{is(binding.Ready, binding.False, "Revoked"), is(binding.TokenValid, binding.False, "Revoked")},
			},
			[]string{"condition Ready began", "condition TokenValid began"},
		},
		"there is no answer for a while": {
			[][]binding.Condition{unbound, {unanswered(unbound[0]), unanswered(unbound[1])}, unbound, good}, []string{began, over},
		},
		"there is no answer while a window is waited for": {[][]binding.Condition{waits, {unanswered(waits[0]), unanswered(waits[1])}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
			var (
				log notify.NotificationLog
				got []string
			)
			for _, conditions := range tt.steps {
				for range 2 {
					now = now.Add(time.Hour)
					w := notify.Facts{
						Now: now, Read: true, Instances: []string{"prod"}, Synced: []string{"prod"},
						Statuses: []binding.Status{{Name: "pay", Spec: binding.Spec{Instance: "prod", Platform: binding.GitLab}, Conditions: conditions}},
					}.Input()
					log = notify.Decide(log, w, notify.Rules{Receivers: []string{"team"}, Hold: time.Minute})
				}
			}
			for _, item := range log.Queues["team"] {
				got = append(got, string(item.Kind)+" "+item.Of+" "+string(item.Phase))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
