package status

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// view is all that is known of one binding when its conditions are computed.
type view struct {
	now      time.Time
	declared *binding.Declaration
	record   *binding.Record
	obs      binding.Observation
	// suspensions are the instance's.
	suspensions []binding.Suspension
	outcomes    []plan.Outcome
	// byObject finds outcomes by their action's object.
	byObject map[binding.Object]plan.Outcome
	// warnings are the days before a token's end at which it ends soon.
	warnings []int
	// retry is the binding's retry state.
	retry binding.RetryState
	// window says whether the instance may be changed; nil where it has no
	// windows.
	window *plan.WindowState
}

func condition(t binding.ConditionType, status binding.ConditionStatus, reason string, m message.Message) binding.Condition {
	return binding.Condition{Type: t, Status: status, Reason: reason, Message: m}
}

// conditions are what holds of a declared binding, in the order in which
// people read them. An unknown never flips what was known: it keeps the old
// status and says so.
func (v view) conditions(old []binding.Condition) []binding.Condition {
	rest := []binding.Condition{condition(binding.Declared, binding.True, ReasonAsDeclared, message.New("condition.declared", "file", v.declared.File))}
	if v.declared.Spec.Platform.OAuth() {
		rest = append(rest, v.accountAllowed())
	} else {
		rest = append(rest, v.secretAvailable(), v.tokenValid(), v.tokenFresh())
	}
	rest = append(rest, v.reachable(), v.bound())
	for i := range rest {
		rest[i] = carry(old, rest[i])
	}
	bound := *binding.FindCondition(rest, binding.Bound)
	rest = append(rest, carry(old, v.repositoriesLinked(bound)))
	linked := *binding.FindCondition(rest, binding.RepositoriesLinked)
	rest = append(rest, carry(old, v.rulesCurrent(linked)))
	if c, is := v.flapping(); is {
		rest = append(rest, c)
	}
	if v.declared.Spec.Platform.OAuth() {
		rest = append(rest, v.awaitingAuthorization())
	}
	if c := suspended(v.now, v.declared.Spec.Suspend, v.suspensions, v.names()...); c != nil {
		rest = append(rest, *c)
	}
	if v.window != nil {
		rest = append(rest, v.windowOpen())
	}
	return v.stamp(old, append([]binding.Condition{carry(old, v.ready(rest))}, rest...))
}

// carry keeps the status known before where there is no answer now.
func carry(old []binding.Condition, c binding.Condition) binding.Condition {
	before := binding.FindCondition(old, c.Type)
	if c.Status != binding.Unclear || c.Reason == ReasonNotVisibleYet || before == nil || before.Status == binding.Unclear {
		return c
	}
	c.Status = before.Status
	if c.Type != binding.SecretAvailable { // Of which the reason why not is what to act on.
		c.Reason = strings.TrimSuffix(before.Reason, SuffixLastKnown)
	}
	c.Reason += SuffixLastKnown
	if !c.LastKnown {
		c.LastKnown, c.Message = true, message.New("condition.last-known", "why", c.Message)
	}
	return c
}

// stamp keeps the time of the last transition where the status is as it was.
func (v view) stamp(old, conditions []binding.Condition) []binding.Condition {
	for i, c := range conditions {
		conditions[i].LastTransitionTime = v.now
		if before := binding.FindCondition(old, c.Type); before != nil && before.Status == c.Status {
			conditions[i].LastTransitionTime = before.LastTransitionTime
		}
	}
	return conditions
}

// ready sums the other conditions and the outcomes up.
func (v view) ready(rest []binding.Condition) binding.Condition {
	if c := binding.FindCondition(rest, binding.Contested); c != nil && c.Reason == ReasonRepairDoesNotHold {
		return condition(binding.Ready, binding.False, c.Reason, c.Message)
	}
	for _, c := range rest {
		switch c.Type {
		case binding.TokenFresh:
			if c.Status == binding.False && c.Reason == ReasonExpired {
				return condition(binding.Ready, binding.False, c.Reason, c.Message)
			}
		case binding.AwaitingAuthorization:
			if c.Status == binding.True {
				return condition(binding.Ready, binding.False, c.Reason, c.Message)
			}
		case binding.Suspended, binding.WindowOpen, binding.Contested, binding.Ready:
		default:
			if c.Status == binding.False && !v.waits(c.Type) {
				return condition(binding.Ready, binding.False, c.Reason, c.Message)
			}
		}
	}
	for _, o := range v.outcomes {
		if reason, m := v.shortfall(o); reason != "" {
			return condition(binding.Ready, shortOf(reason), reason, m)
		}
	}
	for _, c := range rest {
		unanswered := c.Status == binding.Unclear || c.LastKnown
		if unanswered && (c.Type == binding.Bound || c.Type == binding.RepositoriesLinked || c.Type == binding.RulesCurrent) {
			c.Type, c.Status = binding.Ready, binding.Unclear
			return c
		}
	}
	return condition(binding.Ready, binding.True, ReasonAsDeclared, message.New("condition.as-declared"))
}

// shortOf is the status of what a shortfall leaves to be done: whether a write of
// ours is there is not known before the registry shows it.
func shortOf(reason string) binding.ConditionStatus {
	if reason == ReasonNotVisibleYet {
		return binding.Unclear
	}
	return binding.False
}

// shortfall says why an outcome leaves something to be done; empty if nothing.
func (v view) shortfall(o plan.Outcome) (reason string, m message.Message) {
	switch o.State {
	case plan.Failed:
		switch {
		case errors.Is(o.Err, plan.ErrFellBack):
			return ReasonPreviousToken, message.Says(o.Err)
		case errors.Is(o.Err, plan.ErrNotVisible):
			return ReasonNotVisibleYet, message.Says(o.Err)
		}
		return ReasonFailed, message.Says(o.Err)
	case plan.Held:
		failed := cmp.Or(o.Retry.Failed, &binding.Failed{})
		return ReasonRetrying, message.New("condition.retrying",
			"action", o.Action.Kind, "object", o.Action.Object, "count", failed.Times, "at", failed.Next)
	case plan.Skipped, plan.Stopped:
		return ReasonFailed, message.New("condition.not-begun", "action", o.Action.Kind, "object", o.Action.Object)
	case plan.Pending:
		return awaits(o)
	case plan.Deferred:
		return ReasonOutsideWindow, v.untilWindow(o.Action)
	case plan.Kept:
		if o.Action.Cause == plan.CauseNotVisible {
			return ReasonNotVisibleYet, o.Action.Reason
		}
		if o.Action.Kind == plan.Forbidden {
			return ReasonForbidden, o.Action.Reason
		}
		if o.Action.Cause == plan.CauseFileBroken {
			return ReasonFileBroken, o.Action.Reason
		}
	case plan.Done:
		if o.Unseen {
			return ReasonNotVisibleYet, message.New("reason.not-visible")
		}
	}
	return "", message.Message{}
}

// on gives the outcome on one object, if there is one.
func (v view) on(object binding.Object) (plan.Outcome, bool) {
	o, ok := v.byObject[object]
	return o, ok
}

// awaits says since when a step waits for a person, and whether it is overdue.
func awaits(o plan.Outcome) (reason string, m message.Message) {
	switch p := o.Pending; {
	case p == nil:
		return ReasonAwaitingPerson, o.Action.Reason
	case p.Overdue:
		return ReasonOverdue, message.New("condition.overdue",
			"why", o.Action.Reason, "since", p.Since, "due", p.Due, "owner", o.Action.Asked())
	default:
		return ReasonAwaitingPerson, message.New("condition.pending", "why", o.Action.Reason, "since", p.Since)
	}
}

func (v view) awaitingAuthorization() binding.Condition {
	if o, ok := v.on(binding.AccountObject()); ok && o.Action.Kind == plan.Authorize {
		reason, m := awaits(o)
		return condition(binding.AwaitingAuthorization, binding.True, reason, m)
	}
	return condition(binding.AwaitingAuthorization, binding.False, ReasonAuthorized, message.New("condition.authorized"))
}

// flapping says that repairs of an object are not made any more; is is false
// where they are.
func (v view) flapping() (c binding.Condition, is bool) {
	for _, o := range v.outcomes {
		if o.Action.Cause == plan.CauseFlapping {
			return condition(binding.Contested, binding.True, ReasonRepairDoesNotHold, o.Action.Reason), true
		}
	}
	for _, r := range v.retry.Repairs {
		if r.Stopped.IsZero() || v.retry.Digest != v.declared.Spec.Digest() {
			continue
		}
		return condition(binding.Contested, binding.True, ReasonRepairsStopped, message.New("condition.repairs-stopped",
			"since", r.Stopped, "object", r.Object, "binding", v.declared.Name)), true
	}
	return c, false
}

// names are those that the binding has, and had when it was applied.
func (v view) names() []string {
	names := []string{v.declared.Name}
	for _, o := range v.outcomes {
		if o.Action.Target.Record != nil {
			names = append(names, o.Action.Target.Record.Binding)
		}
	}
	return names
}
