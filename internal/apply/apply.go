package apply

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
	"reconciler/internal/trace"
)

// run is one round being applied.
type run struct {
	*Applier
	memory *memory
	round  *plan.Round
	digest string
	// number has the numbers, from 1, of the actions that change something, by
	// index in the plan.
	number map[int]int
	// digests are those of the declared specs, by binding.
	digests map[string]string

	// graceOver is closed when calls in flight have to end.
	graceOver <-chan struct{}

	mu     sync.Mutex
	failed map[string]bool
	// hidden are the bindings with a write whose answer contradicts the registry's
	// reads.
	hidden map[string]bool
	// breakGlasses let the run change the instance outside of its windows. unbound are
	// the bindings whose account has to wait for a window to be bound.
	breakGlasses []plan.BreakGlass
	unbound      map[string]bool
	// states are the states of the actions that have ended, and secured are the
	// actions that something was removed for, both by index in the plan. changed
	// are the objects that were written. See halves.go.
	states  map[int]plan.OutcomeState
	secured map[int]bool
	changed map[objectKey]bool
	// linkAllowed notes whether the code host answered that an image repository may be
	// linked. back are the tokens to fall back to, by binding.
	linkAllowed map[binding.Object]bool
	fallbacks   map[string]secrets.Secret
	// mayBind says for each binding whose bind was answered whether our credentials
	// allow binding.
	mayBind map[string]bool
	// needsOpenWindow are the objects whose first write needs an open window.
	needsOpenWindow map[objectKey]bool
}

// Apply carries out the plan of a round. When ctx ends, calls in flight are
// completed, their outcomes are written, and no further action begins.
func (a *Applier) Apply(ctx context.Context, round *plan.Round) plan.Result {
	p := round.Plan
	result := plan.Result{Digest: p.Digest(), Outcomes: make([]plan.Outcome, len(p.Actions))}
	x := &run{
		Applier: a, round: round, memory: newMemory(a.o.Store, a.o.Now, round.Records), digest: result.Digest,
		number: map[int]int{}, digests: map[string]string{}, failed: map[string]bool{}, hidden: map[string]bool{}, unbound: map[string]bool{},
		states: map[int]plan.OutcomeState{}, secured: map[int]bool{}, changed: map[objectKey]bool{}, linkAllowed: map[binding.Object]bool{}, fallbacks: map[string]secrets.Secret{}, mayBind: map[string]bool{}, needsOpenWindow: map[objectKey]bool{},
	}
	for _, d := range round.Declarations {
		x.digests[d.Name] = d.Spec.Digest()
	}
	err := errors.Join(x.keepPolicies(ctx), x.memory.keepFiles(ctx, round.Declarations), x.keepUndeclared(ctx), x.forgetSources(ctx))
	if err == nil {
		err = x.breakGlass(context.WithoutCancel(ctx), round.BreakGlass)
	}
	for i, a := range p.Actions {
		if a.Kind.Changes() {
			x.number[i] = len(x.number) + 1
		}
	}
	late, done := graceAfter(ctx, a.o.Grace)
	defer done()
	x.graceOver = late
	inOrder(p.Actions, x.resources, func(i int) {
		if err != nil && p.Actions[i].Kind.Changes() {
			result.Outcomes[i] = plan.Outcome{Action: p.Actions[i], State: plan.Failed, Err: message.NewError("apply.nothing-done", "why", err)}
			return
		}
		result.Outcomes[i] = x.act(ctx, i)
		x.mu.Lock()
		defer x.mu.Unlock()
		x.states[i] = result.Outcomes[i].State
	})
	after := context.WithoutCancel(ctx)
	x.withdraw(after, result.Outcomes)
	x.confirmWrites(ctx, result.Outcomes)
	x.forgetGone(after)
	x.noteSteps(after, result.Outcomes)
	result.Ended, result.Unanswered = a.o.Now(), incomplete(round.Observation)
	result.Incomplete = result.Unanswered || unseen(result.Outcomes)
	x.remember(after, &result)
	for i := range result.Outcomes {
		o := &result.Outcomes[i]
		o.Record = x.memory.record(o.Action.Binding, o.Action.Platform)
	}
	for _, r := range round.Records {
		if now := x.memory.record(r.Binding, r.Platform); now == nil || now.Removed {
			result.Forgotten = append(result.Forgotten, r)
		}
	}
	return result
}

// act decides whether an action may be done, does it, and reports it.
func (x *run) act(ctx context.Context, i int) (outcome plan.Outcome) {
	ctx = registry.WithRequests(ctx)
	a := x.round.Plan.Actions[i]
	outcome.Action = a
	defer func() {
		if v := recover(); v != nil {
			outcome.State, outcome.Err = plan.Failed, message.NewError("apply.action", "action", a.Kind, "object", a.Object, "binding", a.Binding, "why", binding.BugOf(v))
		}
	}()
	var breakGlass *plan.BreakGlass
	if outcome.State, breakGlass = x.whyNotBegun(ctx, i); outcome.State == "" {
		outcome.State = cmp.Or(x.first(i), x.second(ctx, i))
	}
	if outcome.State != "" {
		outcome.Unseen = outcome.State == plan.Kept && a.Kind.Changes()
		return outcome
	}
	event := plan.Event{Kind: plan.ActionStarted, Revision: x.round.Revision, Action: a, Index: x.number[i], Count: len(x.number)}
	x.o.Emit(event)
	started := x.o.Now()
	performing, span := trace.Start(ctx, "action", "binding", a.Binding, "action", string(a.Kind), "object", a.Object.String())
	x.requireOpenWindow(i)
	outcome.State, outcome.Err = plan.Done, x.perform(performing, i)
	span.Fail(outcome.Err)
	switch closed := errors.Is(outcome.Err, errClosed); {
	case closed, errors.Is(outcome.Err, errInterrupted):
		outcome.State, outcome.Err = plan.Stopped, nil
		if closed {
			outcome.State = plan.Deferred
			x.waited(a)
		}
		event.Kind, event.Outcome, event.Took = plan.ActionDone, new(outcome), x.o.Now().Sub(started)
		x.o.Emit(event)
		return outcome
	case x.contradicted(a.Binding, outcome.Err):
		outcome.State, outcome.Unseen = plan.Kept, true
		x.mark(x.hidden, a.Binding)
	case outcome.Err != nil:
		outcome.State = plan.Failed
		x.mark(x.failed, a.Binding)
	}
	x.history(context.WithoutCancel(ctx), &outcome, breakGlass)
	if outcome.State != plan.Done && a.Kind == plan.Rebind {
		x.saidUnbound(context.WithoutCancel(ctx), a)
	}
	event.Kind, event.Outcome, event.Err, event.Took = plan.ActionDone, new(outcome), outcome.Err, x.o.Now().Sub(started)
	x.o.Emit(event)
	return outcome
}

// contradicted reports whether the registry's answer to a write contradicts its reads,
// and the reads may still be too old. If they contradict each other for longer than
// sync.settle, the write has failed.
func (x *run) contradicted(name string, err error) bool {
	since := cmp.Or(plan.RetryStateOf(x.round.RetryStates, name).ContradictedSince, x.o.Now())
	return contradicts(err) && x.o.Now().Before(since.Add(x.o.Settle))
}

// mark notes something about a binding.
func (x *run) mark(of map[string]bool, name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	of[name] = true
}

// whyNotBegun returns the state of an action that must not begin now; empty if it may
// begin. The BreakGlass, if not nil, is what allows it outside of a window.
func (x *run) whyNotBegun(ctx context.Context, i int) (plan.OutcomeState, *plan.BreakGlass) {
	a := x.round.Plan.Actions[i]
	x.mu.Lock()
	failed, hidden, secured := x.failed[a.Binding], x.hidden[a.Binding], x.secured[i]
	x.mu.Unlock()
	switch {
	case !a.Kind.Changes():
		return plan.Kept, nil
	case a.Kind.ByPerson():
		return plan.Pending, nil
	case secured && a.NeedsWindow(x.round.Windows) && !x.round.Windows.Open(x.o.Now()):
		return "", x.breakGlassFor(a) // The person who allowed the first half is named for the second too.
	case secured:
		return "", nil
	case ctx.Err() != nil:
		return plan.Stopped, nil
	case failed:
		return plan.Skipped, nil
	case hidden:
		return plan.Kept, nil
	}
	waits, breakGlass := x.outside(a)
	switch {
	case waits:
		return plan.Deferred, nil
	case held(x.round.Retries[a.Binding], attemptOf(a), x.o.Now()):
		return plan.Held, nil
	}
	return "", breakGlass
}

// perform carries out one action. Once ctx has ended, it asks nothing more, but
// completes the writes that it has begun. A panic fails only this action. Its
// intent stays, and the next run finds out what was done.
func (x *run) perform(ctx context.Context, i int) (err error) {
	a := x.round.Plan.Actions[i]
	defer func() {
		if v := recover(); v != nil {
			err = message.NewError("apply.action", "action", a.Kind, "object", a.Object, "binding", a.Binding, "why", binding.BugOf(v))
		}
	}()
	if x.isSecured(i) {
		ctx = context.WithoutCancel(ctx)
	}
	if err := x.secure(ctx, i); err != nil {
		return err
	}
	defer x.follow(i)
	switch a.Kind {
	case plan.Bind:
		return x.bind(ctx, a)
	case plan.Rebind:
		return x.rebind(ctx, a)
	case plan.Unbind:
		return x.unbind(ctx, a)
	case plan.Create:
		return x.create(ctx, a)
	case plan.Link, plan.Relink:
		return x.link(ctx, a)
	case plan.Unlink, plan.AddRule, plan.ChangeRule, plan.RemoveRule:
		return x.repository(ctx, a)
	case plan.Adopt:
		return x.adopt(ctx, a)
	case plan.Authorize, plan.Manual, plan.Noop, plan.Forbidden:
	}
	return message.NewError("apply.not-ours", "action", a.Kind, "object", a.Object, "binding", a.Binding, "bug", binding.ErrBug)
}

// history appends an outcome to the history. If that cannot be written, the outcome
// gets the error; an action that was done gets it as ErrUnrecorded. breakGlass, if
// not nil, is what allowed the action outside of a window.
func (x *run) history(ctx context.Context, outcome *plan.Outcome, breakGlass *plan.BreakGlass) {
	a := outcome.Action
	event := binding.HistoryEntry{
		Time: x.o.Now(), Instance: a.Instance, Binding: a.Binding, Action: string(a.Kind), Object: a.Object,
		Outcome: string(outcome.State), Revision: x.round.Revision, Digest: x.digest,
		Person: x.o.Who, Requests: registry.RequestsOf(ctx),
	}.WithMessage(a.Reason)
	switch {
	case errors.Is(outcome.Err, plan.ErrUnrecorded):
		event.Outcome = string(plan.Done)
	case outcome.Unseen:
		f, _ := errors.AsType[*binding.Failure](outcome.Err)
		event = event.WithMessage(message.New("history.contradicted", "code", cmp.Or(f.Code, string(f.Kind))))
		outcome.Err = nil // Nothing failed, unless it cannot be recorded.
	case outcome.Err != nil:
		event = event.WithMessage(message.FromError(outcome.Err))
	}
	if breakGlass != nil {
		event.Person = breakGlass.Person
	}
	if err := x.o.Store.AppendEvent(ctx, event); err != nil {
		x.noted(outcome, message.NewError("apply.history", "why", err))
	}
}

// noted adds the error to an outcome that the outcome could not be recorded.
func (x *run) noted(outcome *plan.Outcome, err error) {
	if outcome.State == plan.Done {
		err = unrecorded(err)
	}
	if err != nil {
		outcome.State, outcome.Err = plan.Failed, errors.Join(outcome.Err, err)
	}
}

// unrecorded returns the error that something was done and err prevented recording
// it; nil if err is nil.
func unrecorded(err error) error {
	if err == nil {
		return nil
	}
	return message.NewError("apply.unrecorded", "done", plan.ErrUnrecorded, "why", err)
}

// intent returns the intent to write before a call of a kind for an action.
func (x *run) intent(a plan.Action, kind plan.Kind) binding.Intent {
	before := x.before(a)
	intent := binding.Intent{
		Instance: a.Instance, Binding: a.Binding, Platform: a.Platform, Action: string(kind), Object: a.Object,
		Released: a.Kind == plan.Rebind || a.Cause == plan.CauseUnfinished, Unbinds: a.Kind == plan.Rebind, Link: a.Target.Remembered(), Rule: a.Target.Rule, TokenVersion: a.Target.TokenVersion, TokenFingerprint: a.Target.TokenFingerprint,
	}
	if before != nil {
		intent.Record = *before
	}
	if after := plan.Remember(a, before, nil); after != nil {
		intent.After = *after
	}
	if own := x.memory.record(a.Binding, a.Platform); own != nil && own.Removed && intent.After.Binding != "" {
		intent.After = intent.After.WithLeft(*own)
	}
	for _, open := range x.round.Intents {
		switch {
		case open.Object != a.Object || open.Platform != a.Platform:
		case a.Object.IsAccount(): // A read may still show the account that an earlier half unbound.
			intent.After = intent.After.After(open.After)
			if a.Cause == plan.CauseUnfinished {
				intent.After.Unbound = cmp.Or(open.After.Unbound, intent.After.Unbound)
			}
		case open.Binding == a.Binding: // It is replaced in the store.
			intent.Earlier = replaced(open)
		}
	}
	return intent
}

// before is the record that an action starts from: the record of its binding or, if
// that was renamed, of its earlier name.
func (x *run) before(a plan.Action) *binding.Record {
	own := x.memory.record(a.Binding, a.Platform)
	if a.Target.Record == nil || own != nil && own.Managed {
		return own
	}
	return cmp.Or(x.memory.record(a.Target.Record.Binding, a.Target.Record.Platform), own)
}

// write makes one write, with its intent and its outcome.
func (x *run) write(ctx context.Context, intent binding.Intent, call func(context.Context, *binding.Intent) error) error {
	ctx = context.WithoutCancel(ctx)
	what, err := x.send(ctx, &intent, call)
	switch what {
	case done:
		x.noteWrite(objectKey{intent.Platform, intent.Object})
		return errors.Join(err, unrecorded(x.memory.done(ctx, intent)))
	case noEffect:
		return besides(err, x.memory.hadNoEffect(ctx, intent))
	case unbound:
		if intent.Answered = true; rejected(err) || binding.KindOf(err) == binding.AlreadyExists {
			intent.Action = string(plan.Rebind)
		}
		return besides(err, x.memory.begin(ctx, intent))
	case open:
	}
	return err
}

// besides joins the error of a write and the one of recording its outcome. If the
// registry's answer contradicts its reads, only the latter counts.
func besides(err, other error) error {
	if other != nil && contradicts(err) {
		return other
	}
	return errors.Join(err, other)
}

// send writes the intent, makes the call, and finds out what became of it. If the
// answer was lost, it observes the object instead of guessing.
func (x *run) send(ctx context.Context, intent *binding.Intent, call func(context.Context, *binding.Intent) error) (answer, error) {
	object := objectKey{intent.Platform, intent.Object}
	if x.closed(object) {
		return open, errClosed // What was open before stays open.
	}
	intent.Started = x.o.Now()
	err := x.memory.begin(ctx, *intent)
	if err != nil {
		// Something may have been removed for this call, so try to write twice.
		err = x.memory.begin(ctx, *intent)
	}
	if err != nil && !x.memory.covers(*intent) {
		return open, err
	}
	if x.closed(object) {
		return noEffect, errClosed
	}
	x.begun(object)
	x.memory.sends(*intent)
	err = x.within(ctx, func(ctx context.Context) error { return call(ctx, intent) })
	switch {
	case err == nil:
		return done, nil
	case uncertain(err), binding.KindOf(err) == binding.NotFound && doneIfGone(plan.Kind(intent.Action)):
		// An observation has to confirm that the object is already gone.
		observing, stop := until(ctx, x.graceOver)
		obs := x.observe(observing, Intended(nil, []binding.Intent{*intent}))
		stop()
		what := x.settled(x.memory, intent, obs)
		if what == done && !intent.Doubtful || plan.Kind(intent.Action) == plan.Rebind && what == unbound {
			x.clearLateToken(intent, obs.Accounts[intent.Platform].Account)
			return done, nil
		}
		if !uncertain(err) {
			return what, message.NewError("apply.still-shown", "why", err, "shown", errShown)
		}
		if x.o.Settle <= 0 {
			return what, err
		}
		if !plan.Kind(intent.Action).Repeatable() {
			err = message.NewError("apply.not-visible", "unseen", plan.ErrNotVisible, "after", x.o.Settle, "why", err)
		}
		return open, err
	case plan.Kind(intent.Action) == plan.Bind && intent.Released:
		return unbound, err
	}
	return noEffect, err
}

// doneIfGone reports whether an action is done if its object is already gone. For a
// rebind, that is its first half, which unbinds.
func doneIfGone(k plan.Kind) bool {
	return k == plan.Unbind || k == plan.Rebind || k == plan.Unlink || k == plan.RemoveRule
}

// within makes one call with its time limits.
func (x *run) within(ctx context.Context, call func(context.Context) error) error {
	ctx, stop := until(ctx, x.graceOver)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, x.o.CallTimeout)
	defer cancel()
	x.o.Moved()
	defer x.o.Moved()
	return call(ctx)
}
