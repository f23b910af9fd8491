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
	// shortPauses is how often in a row a bind is tried with pauses of up to Max.
	// After that, the pauses grow further: by then, the problem is unlikely to
	// disappear by itself.
	shortPauses = 20
	// lostRetry limits the pause while an account that was bound before is not
	// bound.
	lostRetry = 2 * time.Minute
)

// Backoff is the pause before a failed attempt is repeated. It doubles from Base to
// Max, which are 10 seconds and 30 minutes if zero. Only a success, a different
// attempt or a person resets it, and neither events nor time do.
type Backoff struct{ Base, Max time.Duration }

// After returns the failure after one more failed attempt. The pause is at least
// atLeast, which the other side may have asked for.
func (b Backoff) After(before binding.Failed, tried string, now time.Time, atLeast time.Duration) binding.Failed {
	base, longest := cmp.Or(max(b.Base, 0), defaultRetryBase), cmp.Or(max(b.Max, 0), defaultRetryMax)
	if before.Tried != tried {
		before = binding.Failed{}
	}
	times := before.Times + 1
	pause := max(binding.Pause(base, longest, times), min(atLeast, binding.LongestPause))
	return binding.Failed{Tried: tried, Times: times, At: now, Next: now.Add(pause)}
}

// held reports whether it is too early to try the same again.
func held(failed binding.Failed, tried string, now time.Time) bool {
	return failed.Tried == tried && now.Before(failed.Next)
}

// failure returns what failed for a binding after the round; nil if nothing did.
// While something does not answer, nothing counts as a success, because less may
// have been tried than is due. A binding that is not changed because its file is
// invalid is not a success either.
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
			failed = false // The refusal replaces what failed before.
		default:
			last, failed = x.pauses(o, before.Times).After(before, attemptOf(o.Action), x.o.Now(), retryAfter(o.Err)), true
			last.Action, last.Object, last.Fault, last.Why = string(o.Action.Kind), o.Action.Object, binding.FaultOf(o.Err), message.FromError(o.Err)
		}
	}
	if !failed {
		return nil
	}
	return &last
}

// refused reports whether the token of an action is not tried again before its
// refusal ends.
func (x *run) refused(a plan.Action) bool {
	if a.Target.Declaration == nil || !a.Object.IsAccount() {
		return false
	}
	r := x.memory.record(a.Binding, a.Platform)
	return r != nil && r.Refused.InForce(x.o.Now()) && r.Refused.Is(binding.RefusalOf(a.Target.Declaration.Spec, a.Target.TokenVersion, a.Target.TokenCreated))
}

// pauses returns the pauses after an action that failed and had failed that many
// times before. If the previous token was bound again, each attempt interrupts a
// working binding. If what is declared was rejected, or rejected for an unknown
// reason, the pauses grow up to a day at once. After other answers they do so after
// many failures. While an account that was bound before is not bound, the pauses
// stay short.
func (x *run) pauses(o plan.Outcome, times int) Backoff {
	pauses, fellBack, fault := x.o.Retry, errors.Is(o.Err, plan.ErrFellBack), binding.FaultOf(o.Err)
	longest := cmp.Or(max(pauses.Max, 0), defaultRetryMax)
	switch {
	case fellBack && (fault == binding.FaultRequest || fault == binding.FaultUnknown && rejected(o.Err)):
		pauses.Max = binding.RefusalLasts
	case fellBack:
		pauses.Max = binding.Pause(longest, binding.RefusalLasts, times-shortPauses+1)
	case errors.Is(o.Err, plan.ErrLost), !fellBack && o.Action.Cause == plan.CauseUnfinished,
		errors.Is(o.Err, plan.ErrNotVisible) && o.Action.Object.IsAccount():
		pauses.Max = min(longest, lostRetry)
	}
	return pauses
}

// attemptOf identifies what an action of a binding attempts: its declaration and
// token. The pause after failures ends early only if one of them changes.
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

// incomplete reports whether a question to the registry or the secret store has no
// answer yet and may get one later. This includes rejected credentials, because
// they are renewed elsewhere and may work at any time.
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
