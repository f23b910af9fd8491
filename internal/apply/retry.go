package apply

import (
	"cmp"
	"errors"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
)

const (
	defaultRetryBase = 10 * time.Second
	defaultRetryMax  = 30 * time.Minute
	// patience is how often in a row a bind is tried with pauses of up to Max, after
	// which they grow on: by then what is wrong does not pass by itself.
	patience = 20
	// lostRetry bounds the pause while nothing is bound that was bound before.
	lostRetry = 2 * time.Minute
)

// Backoff is the pause before what failed is tried again, which doubles from
// Base to Max; 10 seconds and 30 minutes if zero. Neither events nor time reset
// it, only success, something else to try, or a person.
type Backoff struct{ Base, Max time.Duration }

// After is a failure after one more, of what was tried; the next attempt is not
// before atLeast, where the other side asked for that.
func (b Backoff) After(before binding.Failed, tried string, now time.Time, atLeast time.Duration) binding.Failed {
	base, longest := cmp.Or(max(b.Base, 0), defaultRetryBase), cmp.Or(max(b.Max, 0), defaultRetryMax)
	if before.Tried != tried {
		before = binding.Failed{}
	}
	times := before.Times + 1
	pause := max(binding.Pause(base, longest, times), min(atLeast, binding.LongestPause))
	return binding.Failed{Tried: tried, Times: times, At: now, Next: now.Add(pause)}
}

// held says that it is too early to try the same again.
func held(failed binding.Failed, tried string, now time.Time) bool {
	return failed.Tried == tried && now.Before(failed.Next)
}

// failure is what failed of a binding after the round; nil where nothing did.
// While something does not answer, nothing counts as a success: less may have
// been tried than is due. To be kept because its file is broken is none either.
func (x *run) failure(name string, own []plan.Outcome, incomplete bool) *binding.Failed {
	kept := x.round.Declaration(name) == nil && len(x.round.Broken) > 0
	before, failed := x.round.Retries[name]
	last := before
	if !kept && !incomplete && (plan.Result{Outcomes: own}).Count(plan.Failed, plan.Held, plan.Skipped, plan.Stopped, plan.Deferred) == 0 {
		return nil
	}
	for _, o := range own {
		switch {
		case o.State != plan.Failed:
		case x.refused(o.Action):
			failed = false // What was tried before ended with it.
		default:
			last, failed = x.pauses(o, before.Times).After(before, attemptOf(o.Action), x.o.Now(), retryAfter(o.Err)), true
			last.Action, last.Object, last.Fault, last.Why = string(o.Action.Kind), o.Action.Object, binding.FaultOf(o.Err), message.Says(o.Err)
		}
	}
	if !failed {
		return nil
	}
	return &last
}

// refused says that the token of an action is not tried again before its refusal ends.
func (x *run) refused(a plan.Action) bool {
	if a.Target.Declaration == nil || !a.Object.IsAccount() {
		return false
	}
	r := x.ledger.record(a.Binding, a.Platform)
	return r != nil && r.Refused.InForce(x.o.Now()) && r.Refused.Is(binding.RefusalOf(a.Target.Declaration.Spec, a.Target.TokenVersion, a.Target.TokenCreated))
}

// pauses are those after a failure, which failed so often before. Where what is
// declared was rejected for itself, or nobody knows for what, each attempt interrupts
// the binding that works: these pauses grow up to a day. After any other answer they
// do so once that has lasted. While nothing is bound that was bound before, they stay
// short.
func (x *run) pauses(o plan.Outcome, times int) Backoff {
	pauses, fellBack, fault := x.o.Retry, errors.Is(o.Err, plan.ErrFellBack), binding.FaultOf(o.Err)
	longest := cmp.Or(max(pauses.Max, 0), defaultRetryMax)
	switch {
	case fellBack && (fault == binding.FaultRequest || fault == binding.FaultUnknown && rejected(o.Err)):
		pauses.Max = binding.RefusalLasts
	case fellBack:
		pauses.Max = binding.Pause(longest, binding.RefusalLasts, times-patience+1)
	case errors.Is(o.Err, plan.ErrLost), !fellBack && o.Action.Cause == plan.CauseUnfinished,
		errors.Is(o.Err, plan.ErrNotVisible) && o.Action.Object.IsAccount():
		pauses.Max = min(longest, lostRetry)
	}
	return pauses
}

// attemptOf identifies what an action of a binding tries to reach: its
// declaration and token. Only another one ends the pause after failures.
func attemptOf(a plan.Action) string {
	if a.Target.Declaration == nil {
		return ""
	}
	return binding.DigestOf(a.Target.Declaration.Spec, a.Target.TokenVersion, a.Target.TokenCreated)
}

func retryAfter(err error) time.Duration {
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		return f.RetryAfter
	}
	return 0
}

// incomplete says that a question to the registry or the secret store has no
// answer that might come later. That our credentials are not accepted may end
// at any time: they are renewed elsewhere.
func incomplete(obs binding.Observation) bool {
	passing := func(u *binding.Unknown) bool {
		return u != nil && (!u.Certain || u.Fault == binding.FaultCredentials) && u.Reason != binding.NotCapable && u.Reason != binding.Offline
	}
	if passing(obs.Unknown) {
		return true
	}
	for _, s := range obs.Accounts {
		if passing(s.Unknown) {
			return true
		}
	}
	for _, s := range obs.Repositories {
		if passing(s.Unknown) {
			return true
		}
	}
	for _, s := range obs.Tokens {
		if passing(s.Unknown) {
			return true
		}
	}
	return false
}
