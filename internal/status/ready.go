package status

import (
	"cmp"
	"errors"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// ready combines the other conditions and the outcomes. It is True only if the
// registry is known to be as declared, with the token that the secret store has.
func (v view) ready(rest []binding.Condition) binding.Condition {
	if c := v.firstNotMet(rest); c != nil {
		ready := from(*c, binding.Ready)
		ready.Status = binding.False // AwaitingAuthorization is True if it is not met.
		return ready
	}
	for _, o := range v.outcomes {
		if reason, m := shortfall(o, v.window); reason != "" {
			return condition(binding.Ready, shortOf(reason), reason, m)
		}
	}
	fresh := cmp.Or(binding.FindCondition(rest, binding.TokenFresh), &binding.Condition{})
	if fresh.Status == binding.False && fresh.Reason == ReasonNewerVersion {
		return condition(binding.Ready, binding.False, fresh.Reason, fresh.Message)
	}
	if c := v.notApplied(rest); c != nil {
		return *c
	}
	if c := v.unanswered(rest); c != nil {
		c.Type, c.Status = binding.Ready, binding.Unclear
		return *c
	}
	if fresh.Reason == ReasonVersionUnknown {
		return condition(binding.Ready, binding.False, fresh.Reason, fresh.Message)
	}
	return condition(binding.Ready, binding.True, ReasonAsDeclared, message.New("condition.as-declared"))
}

// firstNotMet is the first condition that is certainly not met; nil if all are.
func (v view) firstNotMet(rest []binding.Condition) *binding.Condition {
	if c := binding.FindCondition(rest, binding.Contested); c != nil && c.Reason == ReasonRepairDoesNotHold {
		return c
	}
	for i, c := range rest {
		bad := c.Status == binding.False && !v.onlyHeld(c.Type)
		switch c.Type {
		case binding.TokenFresh:
			bad = bad && cmp.Or(c.KnownReason, c.Reason) == ReasonExpired // The outcome says what a newer version waits for.
		case binding.AwaitingAuthorization:
			bad = c.Status == binding.True
		case binding.Suspended, binding.WindowOpen, binding.Contested, binding.Ready:
			bad = false
		default:
		}
		if bad {
			return &rest[i]
		}
	}
	return nil
}

// unanswered returns the condition about something that has no answer now; nil if
// everything has one. If nothing is planned for the account, the registry was not
// asked.
func (v view) unanswered(rest []binding.Condition) *binding.Condition {
	for _, c := range rest {
		about := c.Type == binding.Bound || c.Type == binding.RepositoriesLinked || c.Type == binding.RulesCurrent
		if about && (c.Status == binding.Unclear || c.LastKnown) {
			return &c
		}
	}
	for _, o := range v.outcomes {
		if unknown(o.Action) {
			c := condition(binding.Ready, binding.Unclear, v.whyUnknown(o.Action), o.Action.Reason)
			return &c
		}
	}
	if _, planned := v.on(binding.AccountObject()); !planned {
		c := condition(binding.Ready, binding.Unclear, ReasonNotAsked, message.New("condition.registry-not-asked"))
		return &c
	}
	return hostSilent(rest)
}

// hostSilent returns the condition of the token or of the account if its code host
// was asked and did not answer: it may be revoked by now. It is nil if the host
// answered.
func hostSilent(rest []binding.Condition) *binding.Condition {
	for _, c := range rest {
		silent := c.LastKnown || c.Status == binding.Unclear && c.Reason != ReasonNotAsked && c.Reason != ReasonVersionUnknown
		if silent && (c.Type == binding.TokenValid || c.Type == binding.AccountAllowed) {
			return &c
		}
	}
	return nil
}

// unknown reports whether an action changes nothing because something has no
// answer.
func unknown(a plan.Action) bool {
	if a.Kind != plan.Noop {
		return false
	}
	switch a.Cause {
	case plan.CauseSecretUnavailable, plan.CausePartUnknown, plan.CauseNotConfirmed:
		return true // A noop because of a missing confirmation does not ask for one.
	default:
		return a.Unknown()
	}
}

// whyUnknown is the reason why there is no answer for an action.
func (v view) whyUnknown(a plan.Action) string {
	token, _ := v.token()
	u := firstUnknown(v.obs.Unknown, v.obs.Repositories[a.Object.Image].NoSource(), v.obs.Accounts[a.Platform].Unknown)
	if a.Cause == plan.CauseSecretUnavailable {
		u = token.Unknown
	}
	if u == nil {
		return ReasonNotAsked
	}
	return u.Reason
}

// shortOf is the status for the reason of a shortfall: before the registry shows a
// write of ours, it is unknown whether the write had an effect.
func shortOf(reason string) binding.ConditionStatus {
	if reason == ReasonNotVisibleYet {
		return binding.Unclear
	}
	return binding.False
}

// shortfall says why an outcome leaves something to be done; empty if nothing.
// Outcomes that this function does not know leave something to be done.
func shortfall(o plan.Outcome, window *plan.WindowState) (reason string, m message.Message) {
	ours := o.Action.Kind.Changes() && !o.Action.Kind.ByPerson()
	switch o.State {
	case plan.Done:
		if o.Unseen {
			return ReasonNotVisibleYet, message.New("reason.not-visible")
		}
		if ours {
			return "", message.Message{}
		}
	case plan.Kept:
		if o.Unseen {
			return ReasonNotVisibleYet, message.New("condition.contradicted")
		}
		return kept(o.Action)
	case plan.Failed:
		switch {
		case errors.Is(o.Err, plan.ErrFellBack):
			return ReasonPreviousToken, message.FromError(o.Err)
		case errors.Is(o.Err, plan.ErrNotVisible):
			return ReasonNotVisibleYet, message.FromError(o.Err)
		}
		return ReasonFailed, message.FromError(o.Err)
	case plan.Held:
		failed := *cmp.Or(o.Retry.Failed, &binding.Failed{})
		if failed.Action == "" {
			failed.Action, failed.Object = string(o.Action.Kind), o.Action.Object
		}
		return ReasonRetrying, message.New("condition.retrying",
			"action", failed.Action, "object", failed.Object, "count", failed.Times, "at", failed.Next, "why", failed.Why)
	case plan.Skipped, plan.Stopped:
		return ReasonFailed, message.New("condition.not-begun", "action", o.Action.Kind, "object", o.Action.Object)
	case plan.Pending:
		return awaits(o)
	case plan.Deferred:
		return ReasonOutsideWindow, untilWindow(o.Action, window)
	}
	return ReasonNotApplied, o.Action.Reason
}

// kept says why an action that changes nothing leaves something to be done; empty
// if it leaves nothing, or that is unknown.
func kept(a plan.Action) (reason string, m message.Message) {
	switch {
	case a.Cause == plan.CauseNotVisible:
		return ReasonNotVisibleYet, a.Reason
	case a.Settled(), a.NothingDue, unknown(a):
		return "", message.Message{}
	case a.Kind == plan.Forbidden:
		return ReasonForbidden, a.Reason
	}
	switch a.Cause {
	case plan.CauseRetained, plan.CauseForeign:
		if a.Kind == plan.Noop {
			return "", message.Message{} // It is no longer declared, and is kept.
		}
	case plan.CauseSuspended:
		return ReasonSuspended, a.Reason
	case plan.CauseFileBroken:
		return ReasonFileBroken, a.Reason
	case plan.CauseTokenRefused:
		return ReasonTokenRefused, a.Reason
	case plan.CauseTokenUnknown:
		return ReasonVersionUnknown, a.Reason
	case plan.CauseDrift, plan.CauseDiffers:
		return ReasonDiffers, a.Reason
	default:
	}
	return ReasonNotApplied, a.Reason
}
