package verify

import (
	"context"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// bind sends the bind. An interruption does not abort it, because without its
// answer it would be unknown what was done.
func (r *Run) bind(ctx context.Context) bool {
	if ctx.Err() != nil {
		return false
	}
	r.progress("bind")
	r.sent = true
	bound, err := r.driver.Bind(context.WithoutCancel(ctx), r.o.Account, r.o.Token)
	r.answered, r.id = r.o.Now(), bound.ID
	if err != nil {
		r.fails("bind-served", err)
		r.refused(ctx, err)
		return false
	}
	r.accepted = true
	r.confirm("bind-served")
	return true
}

// refused decides whether a failed bind may have been done.
func (r *Run) refused(ctx context.Context, err error) {
	if !slices.Contains([]binding.FailureKind{binding.Refused, binding.Forbidden, binding.NotFound, binding.InstanceStop}, binding.KindOf(err)) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
	defer cancel()
	account, err := r.driver.Account(ctx, r.o.Account.Platform)
	// A different account belongs to somebody else.
	r.sent = err != nil || account != nil && binding.SameAccount(*account, r.o.Account)
}

// seen waits until every read shows the account.
func (r *Run) seen(ctx context.Context) bool {
	r.progress("shown")
	took, err := r.until(ctx, func(a *binding.Account) bool { return a != nil })
	switch {
	case err != nil:
		r.stopped(ctx, "bind-shown", err)
		return false
	case r.ours == nil:
		r.refute("bind-shown", message.New("registry-verify.not-ours"))
		return false
	}
	r.confirm("bind-shown")
	r.out.BindSeconds = &took
	if r.ours.Created.IsZero() {
		r.refute("created", message.New("registry-verify.no-created"))
	} else {
		r.confirm("created")
	}
	return true
}

// until reads until agreeing reads in a row are as wanted, and returns the time,
// in seconds, of the last read that was not.
func (r *Run) until(ctx context.Context, wanted func(*binding.Account) bool) (float64, error) {
	begin, pause, row := r.o.Now(), firstPause, 0
	last, lastErr := begin, message.NewError("registry-verify.unseen")
	for {
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		now := r.o.Now()
		switch {
		case err != nil:
			row, last, lastErr = 0, now, err
		case wanted(account):
			r.take(account)
			row++
		default:
			row, last = 0, now
		}
		if row >= agreeing {
			return last.Sub(begin).Seconds(), nil
		}
		if now.Sub(begin) > r.o.VisibilityTimeout {
			return 0, message.NewError("registry-verify.after", "after", r.o.VisibilityTimeout, "why", lastErr)
		}
		if err := r.o.Wait(ctx, pause); err != nil {
			return 0, err
		}
		if row == 0 {
			pause = min(pause*3/2, longestPause)
		}
	}
}

// clockError is how far the registry's clock may be ahead of ours, or behind.
const clockError = time.Second

// take records an account as bound by this run, if that is certain: nothing was
// bound before, the registry accepted the bind, and the account is the one that
// was sent. In addition, it must be the one that existed right after the answer,
// or it must have been created between the last read before the bind and the
// answer.
func (r *Run) take(account *binding.Account) {
	if account == nil || !r.accepted || r.ours != nil || account.ID == "" || !binding.SameAccount(*account, r.o.Account) {
		return
	}
	made := account.Created
	inTime := !made.Before(r.began.Add(-clockError).Truncate(time.Second)) && !made.After(r.answered.Add(clockError))
	if made.IsZero() && r.id == "" || !made.IsZero() && !inTime || r.id != "" && r.id != account.ID {
		return
	}
	r.ours = new(*account)
}

// projects reads the source repositories of the account.
func (r *Run) projects(ctx context.Context) {
	reader, ok := r.driver.(ProjectReader)
	if !ok || ctx.Err() != nil {
		return
	}
	r.progress("projects")
	if _, err := reader.Projects(ctx, *r.ours); err != nil {
		r.stopped(ctx, "projects", err)
		return
	}
	r.confirm("projects")
}

// unbind unbinds the account that this run bound. It reads once more before,
// because somebody may have bound a different one by now.
func (r *Run) unbind(ctx context.Context) {
	r.progress("unbind")
	account, err := r.driver.Account(ctx, r.o.Account.Platform)
	if err != nil {
		r.stopped(ctx, "unbind-served", err)
		return
	}
	if account != nil && account.ID != r.ours.ID {
		r.gone = true
		r.refute("unbind-served", message.New("registry-verify.replaced"))
		return
	}
	err = r.driver.Unbind(context.WithoutCancel(ctx), *r.ours)
	switch {
	case err == nil:
		r.confirm("unbind-served")
	case binding.KindOf(err) == binding.NotFound:
		r.refute("unbind-served", message.New("registry-verify.was-gone"))
	default:
		r.fails("unbind-served", err)
		if binding.KindOf(err) != binding.OutcomeUnknown {
			return
		}
	}
	r.progress("gone")
	took, err := r.until(ctx, r.isGone)
	if err != nil {
		r.stopped(ctx, "unbind-shown", err)
		return
	}
	r.gone = true
	r.confirm("unbind-shown")
	r.out.UnbindSeconds = &took
	r.out.Settle = settleOf(*r.out.BindSeconds, took).String()
}

// isGone reports whether a read does not show our account: nothing is bound, or
// a different account that somebody has bound since.
func (r *Run) isGone(a *binding.Account) bool { return a == nil || a.ID != r.ours.ID }

// settleOf is three times the longest time until a write was visible, rounded
// up to 10 seconds and at least 30 seconds.
func settleOf(seconds ...float64) time.Duration {
	longest := time.Duration(0)
	for _, s := range seconds {
		longest = max(longest, time.Duration(3*s*float64(time.Second)))
	}
	const step = 10 * time.Second
	return max((longest+step-1)/step*step, 3*step)
}
