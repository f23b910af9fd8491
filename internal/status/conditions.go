package status

import (
	"cmp"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// view is everything that is known about one binding when its conditions are
// computed.
type view struct {
	staleness
	redeclaration
	record *binding.Record
	obs    binding.Observation
	// suspensions are those of the instance.
	suspensions []binding.Suspension
	outcomes    []plan.Outcome
	// byObject finds outcomes by their action's object.
	byObject map[binding.Object]plan.Outcome
	// tokenChanged is true if a different token was bound when the conditions were
	// last computed.
	tokenChanged bool
	// noVersion is true if no version of the token was known to be bound then.
	noVersion bool
	// warnings are the days before a token's end at which it ends soon.
	warnings []int
	// retry is the binding's retry state.
	retry binding.RetryState
	// window says whether the instance may be changed; nil if it has no windows.
	window *plan.WindowState
}

// staleness decides how long the last known status of a condition is shown.
type staleness struct {
	now time.Time
	// maxAge is how long a last known status stays; 0 is forever.
	maxAge time.Duration
}

func condition(t binding.ConditionType, status binding.ConditionStatus, reason string, m message.Message) binding.Condition {
	return binding.Condition{Type: t, Status: status, Reason: reason, Message: m}
}

// from returns the condition of type t that follows from another one. It was known
// at the same time.
func from(c binding.Condition, t binding.ConditionType) binding.Condition {
	c.Type = t
	return c
}

// conditions computes the conditions of a declared binding, in the order in which
// people read them. An unknown never changes what was known: the condition keeps
// its status and is marked as last known.
func (v view) conditions(old []binding.Condition) []binding.Condition {
	account := v.bound()
	rest := []binding.Condition{condition(binding.Declared, binding.True, ReasonAsDeclared, message.New("condition.declared", "file", v.declared.File))}
	if v.declared.Spec.Platform.OAuth() {
		rest = append(rest, v.accountAllowed())
	} else {
		rest = append(rest, v.secretAvailable(), v.tokenValid(account), v.tokenFresh(account))
	}
	rest = append(rest, v.reachable(), account)
	for i := range rest {
		rest[i] = v.keepLast(old, rest[i])
	}
	bound := *binding.FindCondition(rest, binding.Bound)
	inRegistry := v.repositoriesLinked(bound)
	linked := v.withProjects(old, inRegistry)
	rest = append(rest, linked)
	if inRegistry.Status == binding.True || len(linked.Refused) > 0 {
		linked.Status = binding.True // The answer of a code host does not matter for the rules.
	}
	rest = append(rest, v.keepLast(old, v.rulesCurrent(linked)))
	if c, is := v.flapping(); is {
		rest = append(rest, c)
	}
	if v.declared.Spec.Platform.OAuth() {
		rest = append(rest, v.keepLast(old, v.awaitingAuthorization(bound)))
	}
	if c := suspended(v.now, v.declared.Spec.Suspend, v.suspensions, v.names()...); c != nil {
		rest = append(rest, *c)
	}
	if v.window != nil {
		rest = append(rest, v.windowOpen())
	}
	return append([]binding.Condition{v.keepLast(old, v.ready(rest))}, rest...)
}

// keepLast keeps the last known status if there is no answer now, until that is too
// old or something else is declared.
func (v view) keepLast(old []binding.Condition, c binding.Condition) binding.Condition {
	before := binding.FindCondition(old, c.Type)
	switch {
	case known(c) || before == nil || before.Known.IsZero():
	case v.redeclared(c.Type):
		c.Known = time.Time{} // It was never known for this declaration.
		return c
	case onlyExpiry(c) && (!onExpiry(*before) || v.tokenChanged):
		c.Known = v.now
		return c
	}
	return v.staleness.keepLast(old, c)
}

// known reports whether a condition follows from an answer.
func known(c binding.Condition) bool {
	return c.Status != binding.Unclear || c.Reason == ReasonVersionUnknown || c.Reason == ReasonNotVisibleYet
}

// keepLast does the same as view.carry, for a condition that does not depend on a
// declaration.
func (v staleness) keepLast(old []binding.Condition, c binding.Condition) binding.Condition {
	before := binding.FindCondition(old, c.Type)
	if known(c) {
		if !c.LastKnown {
			c.Known = v.now
		}
		return c
	}
	if before == nil || before.Known.IsZero() {
		return unasked(c)
	}
	aged := !c.Known.IsZero() // It follows from another condition, whose message has its age.
	c.Known = binding.Past(before.Known, v.now)
	if before.Status == binding.Unclear || tooOld(c.Known, v.now, v.maxAge) {
		if c = unasked(c); !aged {
			c.Message = message.New("condition.too-old", "why", c.Message, "at", c.Known)
		}
		return c
	}
	c.Status, c.KnownReason = before.Status, cmp.Or(before.KnownReason, before.Reason)
	if c.Type != binding.SecretAvailable { // Its reason says what to do.
		c.Reason = c.KnownReason
	}
	c.Reason += SuffixLastKnown
	if !c.LastKnown {
		c.LastKnown, c.Message = true, message.New("condition.last-known", "why", c.Message, "at", c.Known)
	}
	return c
}

// unasked returns an Unknown condition. If it follows from a condition that is last
// known, it does not keep the reason of that.
func unasked(c binding.Condition) binding.Condition {
	if c.LastKnown {
		c.LastKnown, c.KnownReason, c.Reason = false, "", ReasonNotAsked
	}
	return c
}

// onlyExpiry reports whether a condition lacks nothing but the expiry of a token
// that is known to be bound.
func onlyExpiry(c binding.Condition) bool {
	return c.Reason == ReasonNoExpiryKnown || c.Reason == ReasonExpiryUnreadable
}

// onExpiry reports whether a condition had an answer about the expiry. Conditions
// with other reasons are about a different token, or none.
func onExpiry(c binding.Condition) bool {
	switch cmp.Or(c.KnownReason, c.Reason) {
	case ReasonCurrent, ReasonExpired, ReasonExpiresSoon:
		return true
	}
	return false
}

// setTransitionTimes sets the time of the last transition: the previous time if the status did
// not change, or else now.
func setTransitionTimes(old, conditions []binding.Condition, now time.Time) []binding.Condition {
	for i, c := range conditions {
		conditions[i].LastTransitionTime = now
		if before := binding.FindCondition(old, c.Type); before != nil && before.Status == c.Status {
			conditions[i].LastTransitionTime = binding.Past(before.LastTransitionTime, now)
		}
	}
	return conditions
}

// on returns the outcome of the action on one object, if there is one.
func (v view) on(object binding.Object) (plan.Outcome, bool) {
	o, ok := v.byObject[object]
	return o, ok
}

// awaits returns the reason and the message of a step that waits for a person,
// which may be overdue.
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

func (v view) awaitingAuthorization(bound binding.Condition) binding.Condition {
	o, _ := v.on(binding.AccountObject())
	switch {
	case o.Action.Kind == plan.Authorize:
		reason, m := awaits(o)
		return condition(binding.AwaitingAuthorization, binding.True, reason, m)
	case o.Action.Cause != plan.CauseSuspended || bound.Status == binding.True:
	case bound.Reason == ReasonNotBound: // Nobody is asked now, but somebody still has to do it.
		return condition(binding.AwaitingAuthorization, binding.True, ReasonSuspended, message.New("condition.authorization-suspended", "why", o.Action.Reason))
	default:
		return condition(binding.AwaitingAuthorization, binding.Unclear, bound.Reason, bound.Message)
	}
	if p := v.retry.PendingOf(v.declared.Spec.Platform, binding.AccountObject()); !p.Since.IsZero() { // It is unknown now whether it is done.
		return condition(binding.AwaitingAuthorization, binding.Unclear, bound.Reason, bound.Message)
	}
	return condition(binding.AwaitingAuthorization, binding.False, ReasonAuthorized, message.New("condition.authorized"))
}

// flapping returns the condition that repairs of an object are stopped; is is false
// if none are.
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

// names are the current name of the binding and those under which it was applied.
func (v view) names() []string {
	names := []string{v.declared.Name}
	for _, o := range v.outcomes {
		if o.Action.Target.Record != nil {
			names = append(names, o.Action.Target.Record.Binding)
		}
	}
	return names
}
