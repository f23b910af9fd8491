package daemon

import (
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/report"
	"reconciler/internal/status"
)

// TestASyncIsNoSuccessWhileTheBindingIsNotReady: whatever nothing was done for, and
// is not as declared, fails a sync, unless it is left like that on purpose.
func TestASyncIsNoSuccessWhileTheBindingIsNotReady(t *testing.T) {
	var (
		no, unknown = binding.False, binding.Unclear
		plainly     = binding.Spec{}
		reports     = binding.Spec{DriftPolicy: binding.Report}
		observes    = binding.Spec{ManagementPolicy: binding.Observe}
		settled     = plan.Action{Kind: plan.Noop, Cause: plan.CauseSettled}
	)
	for name, tt := range map[string]struct {
		status binding.ConditionStatus
		reason string
		spec   binding.Spec
		want   report.SyncOutcome
	}{
		"ready":                                   {binding.True, status.ReasonAsDeclared, plainly, report.SyncUnchanged},
		"ready, observed":                         {binding.True, status.ReasonAsDeclared, observes, report.SyncUnchanged},
		"the bound token is revoked":              {no, "Revoked", plainly, report.SyncFailed},
		"the bound token is revoked, observed":    {no, "Revoked", observes, report.SyncFailed},
		"the bound token has expired":             {no, status.ReasonExpired, plainly, report.SyncFailed},
		"the bound token has expired, reported":   {no, status.ReasonExpired, reports, report.SyncFailed},
		"the account is blocked":                  {no, "Blocked", plainly, report.SyncFailed},
		"the site uses a self-signed certificate": {no, "SelfSigned", plainly, report.SyncFailed},
		"the secret is gone":                      {no, "SecretNotFound", plainly, report.SyncFailed},
		"a newer version is not bound":            {no, status.ReasonNewerVersion, plainly, report.SyncFailed},
		"a newer version is only reported":        {no, status.ReasonNewerVersion, reports, report.SyncUnchanged},
		"a newer version is only observed":        {no, status.ReasonNewerVersion, observes, report.SyncUnchanged},
		"the registry rejected the newest":        {no, status.ReasonTokenRefused, plainly, report.SyncFailed},
		"the previous version is bound again":     {no, status.ReasonPreviousToken, plainly, report.SyncFailed},
		"which token is bound is not known":       {no, status.ReasonVersionUnknown, plainly, report.SyncFailed},
		"the same, only reported":                 {no, status.ReasonVersionUnknown, reports, report.SyncUnchanged},
		"drift":                                   {no, status.ReasonDiffers, plainly, report.SyncFailed},
		"drift, only reported":                    {no, status.ReasonDiffers, reports, report.SyncUnchanged},
		"a change that is only observed":          {no, status.ReasonNotApplied, observes, report.SyncUnchanged},
		"something is not applied":                {no, status.ReasonNotApplied, plainly, report.SyncFailed},
		"nothing is bound":                        {no, status.ReasonNotBound, plainly, report.SyncFailed},
		"nothing is bound, only reported":         {no, status.ReasonNotBound, reports, report.SyncUnchanged},
		"nothing is bound, only observed":         {no, status.ReasonNotBound, observes, report.SyncUnchanged},
		"another account is bound":                {no, status.ReasonOtherAccount, plainly, report.SyncFailed},
		"another account is only reported":        {no, status.ReasonOtherAccount, reports, report.SyncUnchanged},
		"the image repository is missing":         {no, status.ReasonMissing, plainly, report.SyncFailed},
		"repairs do not hold":                     {no, status.ReasonRepairDoesNotHold, plainly, report.SyncFailed},
		"the code host does not answer":           {unknown, "TimedOut", plainly, report.SyncFailed},
		"the code host answers 403":               {unknown, "Forbidden", plainly, report.SyncFailed},
		"the code host answers 403, observed":     {unknown, "Forbidden", observes, report.SyncFailed},
		"the secret store answers 403":            {no, "Forbidden", plainly, report.SyncFailed},
		"the registry was not asked":              {unknown, status.ReasonNotAsked, plainly, report.SyncFailed},
		"for a reason of a later version":         {no, "Eclipse", plainly, report.SyncFailed},
		"without a reason":                        {unknown, "", plainly, report.SyncFailed},
		"suspended":                               {no, status.ReasonSuspended, plainly, report.SyncUnchanged},
		"not declared, and kept":                  {unknown, status.ReasonNotDeclared, plainly, report.SyncUnchanged},
		"its file is invalid":                     {no, status.ReasonFileBroken, plainly, report.SyncUnchanged},
		"a write is not visible yet":              {unknown, status.ReasonNotVisibleYet, plainly, report.SyncUnchanged},
		"a person has something to do":            {no, status.ReasonAwaitingPerson, plainly, report.SyncWaiting},
		"a person is late":                        {no, status.ReasonOverdue, plainly, report.SyncWaiting},
		"the registry cannot be asked":            {unknown, binding.NotCapable, plainly, report.SyncWaiting},
		"it waits for a window":                   {no, status.ReasonOutsideWindow, plainly, report.SyncDeferred},
	} {
		a := settled
		a.Binding, a.Object, a.Target.Declaration = "x", binding.AccountObject(), &binding.Declaration{Name: "x", Spec: tt.spec}
		other := plan.Action{Binding: "y", Kind: plan.Bind}
		r := plan.Result{Outcomes: []plan.Outcome{{Action: a, State: plan.Kept}, {Action: other, State: plan.Failed}}}
		if got := syncOutcome(r, "x", binding.Condition{Status: tt.status, Reason: tt.reason}); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestASyncOfASuspendedBindingFailsOnlyForItsToken: that the registry differs is
// what the suspension is for.
func TestASyncOfASuspendedBindingFailsOnlyForItsToken(t *testing.T) {
	for reason, want := range map[string]report.SyncOutcome{
		status.ReasonSuspended: report.SyncUnchanged, status.ReasonNotBound: report.SyncUnchanged, status.ReasonDiffers: report.SyncUnchanged,
		status.ReasonNewerVersion: report.SyncUnchanged, "Revoked": report.SyncFailed, status.ReasonExpired: report.SyncFailed,
	} {
		a := plan.Action{Kind: plan.Noop, Cause: plan.CauseSuspended, Binding: "x", Target: plan.Target{Declaration: &binding.Declaration{}}}
		r := plan.Result{Outcomes: []plan.Outcome{{Action: a, State: plan.Kept}}}
		if got := syncOutcome(r, "x", binding.Condition{Status: binding.False, Reason: reason}); got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
	}
}

// TestASyncThatLeavesAStepFailsOnlyForItsToken: nothing is bound before a person, or
// a window, allows it.
func TestASyncThatLeavesAStepFailsOnlyForItsToken(t *testing.T) {
	for state, waits := range map[plan.OutcomeState]report.SyncOutcome{plan.Pending: report.SyncWaiting, plan.Deferred: report.SyncDeferred} {
		r := plan.Result{Outcomes: []plan.Outcome{{Action: plan.Action{Kind: plan.Authorize, Binding: "x"}, State: state}}}
		for reason, want := range map[string]report.SyncOutcome{
			status.ReasonNotBound: waits, status.ReasonDiffers: waits, "Revoked": report.SyncFailed,
		} {
			if got := syncOutcome(r, "x", binding.Condition{Status: binding.False, Reason: reason}); got != want {
				t.Errorf("%s, %s: %s, want %s", state, reason, got, want)
			}
		}
	}
}

// TestWhatASyncDidDecidesItsOutcome: the worst of what became of a binding's actions.
func TestWhatASyncDidDecidesItsOutcome(t *testing.T) {
	forbidden := plan.Action{Kind: plan.Forbidden}
	unsafe := plan.Action{Kind: plan.Forbidden, Safety: true}
	for name, tt := range map[string]struct {
		outcomes []plan.Outcome
		want     report.SyncOutcome
	}{
		"nothing":           {nil, report.SyncUnchanged},
		"done":              {[]plan.Outcome{{State: plan.Done}}, report.SyncChanged},
		"failed":            {[]plan.Outcome{{State: plan.Done}, {State: plan.Failed}}, report.SyncFailed},
		"not begun":         {[]plan.Outcome{{State: plan.Skipped}}, report.SyncFailed},
		"tried later":       {[]plan.Outcome{{State: plan.Held}}, report.SyncFailed},
		"stopped":           {[]plan.Outcome{{State: plan.Stopped}}, report.SyncFailed},
		"by a person":       {[]plan.Outcome{{State: plan.Done}, {State: plan.Pending}}, report.SyncWaiting},
		"in a window":       {[]plan.Outcome{{State: plan.Done}, {State: plan.Deferred}}, report.SyncDeferred},
		"forbidden":         {[]plan.Outcome{{Action: forbidden, State: plan.Kept}, {State: plan.Done}}, report.SyncForbidden},
		"refused":           {[]plan.Outcome{{Action: unsafe, State: plan.Kept}, {State: plan.Failed}}, report.SyncRefused},
		"a forbidden token": {[]plan.Outcome{{Action: forbidden, State: plan.Kept}}, report.SyncForbidden},
		"kept as it is":     {[]plan.Outcome{{State: plan.Kept}}, report.SyncUnchanged},
	} {
		if got := syncOutcome(plan.Result{Outcomes: tt.outcomes}, "", binding.Condition{Status: binding.True}); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
