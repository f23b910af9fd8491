// Package verify proves what is assumed about a registry with a throw-away
// account: it binds the account, reads it and unbinds it. It unbinds only an
// account that this very run bound and can prove that it did.
package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

const (
	// agreeing is how many reads in a row must agree: replicas show a write one
	// after the other.
	agreeing = 3
	// firstPause and longestPause are those between two reads.
	firstPause, longestPause = 200 * time.Millisecond, 5 * time.Second
	// tidying bounds what is done after an interruption.
	tidying = 20 * time.Second
)

// ProjectReader reads the source repositories of a bound account.
type ProjectReader interface {
	Projects(ctx context.Context, account binding.Account) ([]string, error)
}

// Options say what to verify.
type Options struct {
	Instance, Region string
	// Account is the throw-away account: platform, user name, and address except
	// for Codeup.
	Account binding.Account
	Token   secrets.Secret
	// Patience is how long to wait until a write shows.
	Patience time.Duration
	Now      func() time.Time
	// Wait passes time between reads.
	Wait func(context.Context, time.Duration) error
	// Progress, if not nil, gets each step before it is done.
	Progress func(message.Message)
}

// ErrBound says that an account of the platform is bound already.
var ErrBound = errors.New("an account is bound already")

// Run is one verification.
type Run struct {
	driver registry.Driver
	o      Options
	out    report.RegistryVerification
	// began is when the last read before the bind showed that nothing is bound.
	began time.Time
	// sent says that a bind was sent, accepted that the registry said yes.
	sent, accepted bool
	// answered is when the answer to the bind came, id what the account is called
	// that the driver saw right after it; empty if it saw none.
	answered time.Time
	id       string
	// ours is the account that this run provably bound; nil if there is none.
	ours *binding.Account
	gone bool
}

// Begin reads what is bound. It changes nothing. The error is ErrBound if an
// account of the platform is bound; if the registry cannot be asked, the run
// has the verdict and is over.
func Begin(ctx context.Context, driver registry.Driver, o Options) (*Run, error) {
	r := &Run{driver: driver, o: o}
	r.out = report.RegistryVerification{
		APIVersion: binding.APIVersion, Kind: report.KindRegistryVerification, Instance: o.Instance, Platform: string(o.Account.Platform),
	}
	r.progress("begin")
	able, err := driver.Capabilities(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.fails("access", err)
		}
		return r, err
	}
	r.holds("access")
	for _, need := range []struct {
		assumption, name string
		able             bool
	}{{"list-served", "listAccounts", able.ListAccounts}, {"bind-served", "bind", able.Bind}, {"unbind-served", "unbind", able.Unbind}} {
		if !need.able {
			r.say(need.assumption, able.Reasons[need.name])
		}
	}
	if r.out.Failed() {
		return r, nil
	}
	return r, r.none(ctx)
}

// none reads, as often as reads must agree, that nothing is bound.
func (r *Run) none(ctx context.Context) error {
	for n := range agreeing {
		if n > 0 {
			if err := r.o.Wait(ctx, firstPause); err != nil {
				return err
			}
		}
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		if err != nil {
			if ctx.Err() == nil {
				r.fails("list-served", err)
			}
			return err
		}
		r.holds("list-served")
		if account != nil {
			return ErrBound
		}
	}
	r.began = r.o.Now()
	r.holds("none-shown")
	return nil
}

// Over says that there is nothing more to do: an assumption that the rest needs
// does not hold.
func (r *Run) Over() bool { return r.out.Failed() }

// Finish binds, reads and unbinds. Whatever happens, the verification says what
// may be left.
func (r *Run) Finish(ctx context.Context) report.RegistryVerification {
	if err := ctx.Err(); err == nil && !r.Over() {
		r.prove(ctx)
	}
	if ctx.Err() != nil {
		r.out.Interrupted = true
	}
	if r.sent && !r.gone {
		r.tidy(ctx)
	}
	r.rest()
	return r.out
}

// prove does the steps up to the first that does not succeed.
func (r *Run) prove(ctx context.Context) {
	if err := r.none(ctx); err != nil {
		if errors.Is(err, ErrBound) {
			r.say("none-shown", message.New("registry-verify.appeared"))
		}
		return
	}
	if !r.bind(ctx) || !r.seen(ctx) {
		return
	}
	r.projects(ctx)
	if ctx.Err() == nil {
		r.unbind(ctx)
	}
}

// bind sends the bind. An interruption does not cut it short: without its answer
// nobody could say what was done.
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
	r.holds("bind-served")
	return true
}

// refused decides whether a bind that failed may have been done.
func (r *Run) refused(ctx context.Context, err error) {
	if !slices.Contains([]binding.FailureKind{binding.Refused, binding.Forbidden, binding.NotFound, binding.InstanceStop}, binding.KindOf(err)) {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidying)
	defer cancel()
	account, err := r.driver.Account(ctx, r.o.Account.Platform)
	// Another account is somebody else's.
	r.sent = err != nil || account != nil && binding.SameAccount(*account, r.o.Account)
}

// seen waits until every read shows the account.
func (r *Run) seen(ctx context.Context) bool {
	r.progress("shown")
	took, err := r.until(ctx, func(a *binding.Account) bool { return a != nil })
	if r.ours == nil {
		if err == nil {
			r.say("bind-shown", message.New("registry-verify.not-ours"))
		} else if ctx.Err() == nil {
			r.fails("bind-shown", err)
		}
		return false
	}
	if err != nil {
		if ctx.Err() == nil {
			r.fails("bind-shown", err)
		}
		return false
	}
	r.holds("bind-shown")
	r.out.BindSeconds = &took
	if r.ours.Created.IsZero() {
		r.say("created", message.New("registry-verify.no-created"))
	} else {
		r.holds("created")
	}
	return true
}

// until reads until agreeing reads in a row are as wanted, and returns after how
// many seconds the last read was not.
func (r *Run) until(ctx context.Context, wanted func(*binding.Account) bool) (float64, error) {
	begin, pause, row := r.o.Now(), firstPause, 0
	last, lastErr := begin, errors.New("no read showed it in time")
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
		if now.Sub(begin) > r.o.Patience {
			return 0, fmt.Errorf("after %s: %w", r.o.Patience, lastErr)
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

// take takes an account for the one that this run bound, if that is proven:
// nothing was bound before, the registry said yes to the bind, and the account is
// the one that was sent. Also, it is the one that was there right after the
// answer, or it was made between the last read before the bind and the answer.
func (r *Run) take(account *binding.Account) {
	if account == nil || !r.accepted || r.ours != nil || account.ID == "" || !binding.SameAccount(*account, r.o.Account) {
		return
	}
	made := account.Created
	inTime := !made.Before(r.began.Add(-clockError).Truncate(time.Second)) && !made.After(r.answered.Add(clockError))
	if made.IsZero() && r.id == "" || !made.IsZero() && !inTime || r.id != "" && r.id != account.ID {
		return
	}
	copied := *account
	r.ours = &copied
}

// projects reads the source repositories of the account.
func (r *Run) projects(ctx context.Context) {
	reader, ok := r.driver.(ProjectReader)
	if !ok || ctx.Err() != nil {
		return
	}
	r.progress("projects")
	if _, err := reader.Projects(ctx, *r.ours); err != nil {
		if ctx.Err() == nil {
			r.fails("projects", err)
		}
		return
	}
	r.holds("projects")
}

// unbind unbinds the account that this run bound. It looks once more before: by
// now somebody may have bound another.
func (r *Run) unbind(ctx context.Context) {
	r.progress("unbind")
	account, err := r.driver.Account(ctx, r.o.Account.Platform)
	if err != nil {
		if ctx.Err() == nil {
			r.fails("unbind-served", err)
		}
		return
	}
	if account != nil && account.ID != r.ours.ID {
		r.gone = true
		r.say("unbind-served", message.New("registry-verify.replaced"))
		return
	}
	err = r.driver.Unbind(context.WithoutCancel(ctx), *r.ours)
	switch {
	case err == nil:
		r.holds("unbind-served")
	case binding.KindOf(err) == binding.NotFound:
		r.say("unbind-served", message.New("registry-verify.was-gone"))
	default:
		r.fails("unbind-served", err)
		if binding.KindOf(err) != binding.OutcomeUnknown {
			return
		}
	}
	r.progress("gone")
	took, err := r.until(ctx, r.isGone)
	if err != nil {
		if ctx.Err() == nil {
			r.fails("unbind-shown", err)
		}
		return
	}
	r.gone = true
	r.holds("unbind-shown")
	r.out.UnbindSeconds = &took
	r.out.Settle = settleOf(*r.out.BindSeconds, took).String()
}

// isGone says that a read does not show our account: nothing, or another that
// somebody bound since.
func (r *Run) isGone(a *binding.Account) bool { return a == nil || a.ID != r.ours.ID }

// settleOf is three times the longest that a write took to show, in whole tens
// of seconds and at least 30 seconds.
func settleOf(seconds ...float64) time.Duration {
	longest := time.Duration(0)
	for _, s := range seconds {
		longest = max(longest, time.Duration(3*s*float64(time.Second)))
	}
	const step = 10 * time.Second
	return max((longest+step-1)/step*step, 3*step)
}

// tidy unbinds what this run provably bound, after an interruption or a failure,
// and reports what may be left.
func (r *Run) tidy(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidying)
	defer cancel()
	r.progress("tidy")
	for range agreeing {
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		if err == nil {
			r.take(account)
			if r.ours != nil && account != nil && account.ID != r.ours.ID {
				return // Ours was replaced by somebody.
			}
		}
		if r.ours != nil || r.o.Wait(ctx, firstPause) != nil {
			break
		}
	}
	if r.ours == nil {
		r.left("unproven")
		return
	}
	if err := r.driver.Unbind(ctx, *r.ours); err != nil && binding.KindOf(err) != binding.NotFound {
		r.left("not-unbound")
		return
	}
	for range agreeing {
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		if err == nil && r.isGone(account) {
			return
		}
		if r.o.Wait(ctx, firstPause) != nil {
			break
		}
	}
	r.left("not-seen-gone")
}

// left reports what may be left, and how a person removes it.
func (r *Run) left(why string) {
	m := message.New("registry-verify.left."+why, "platform", r.o.Account.Platform.Title(), "username", r.o.Account.Username, "instance", r.o.Instance)
	l := report.LeftBehind{Message: report.English().Text(m)}
	for _, m := range RemoveSteps(r.o) {
		l.Remove = append(l.Remove, report.English().Text(m))
	}
	r.out.Left = append(r.out.Left, l)
}

// RemoveSteps are what a person does to remove the account by hand.
func RemoveSteps(o Options) []message.Message {
	return []message.Message{
		message.New("registry-verify.remove.open", "region", o.Region),
		message.New("registry-verify.remove.row", "platform", o.Account.Platform.Title()),
		message.New("registry-verify.remove.unbind", "username", o.Account.Username),
		message.New("registry-verify.remove.token"),
	}
}

// assumptions are all that are verified, in order; the last cannot be tried with
// one account.
func assumptions() []string {
	return []string{
		"access", "list-served", "none-shown", "bind-served", "bind-shown", "created", "projects", "unbind-served", "unbind-shown",
		"token-rejected", "one-account", "ids-once", "sources",
	}
}

// rest puts the assumptions in order, and those without a verdict among them.
func (r *Run) rest() {
	said := map[string]report.Assumption{}
	for _, a := range r.out.Assumptions {
		said[a.Name] = a // The last word counts.
	}
	r.out.Assumptions = nil
	for _, name := range assumptions() {
		a, ok := said[name]
		if !ok {
			a = report.Assumption{Name: name, Verdict: report.NotTried, Message: report.English().Text(assumption(name))}
		}
		r.out.Assumptions = append(r.out.Assumptions, a)
	}
}

func (r *Run) progress(step string) {
	if r.o.Progress != nil {
		r.o.Progress(message.New("registry-verify.step."+step, "platform", r.o.Account.Platform.Title(), "username", r.o.Account.Username))
	}
}

// assumption is what an assumption says.
func assumption(name string) message.Message {
	return message.New("registry-verify.assumption." + name)
}

func (r *Run) holds(name string) {
	r.out.Assumptions = append(r.out.Assumptions, report.Assumption{Name: name, Verdict: report.Holds, Message: report.English().Text(assumption(name))})
}

func (r *Run) fails(name string, err error) { r.say(name, message.Says(err)) }

// say notes that an assumption does not hold, and why.
func (r *Run) say(name string, why message.Message) {
	r.out.Assumptions = append(r.out.Assumptions, report.Assumption{
		Name: name, Verdict: report.DoesNotHold, Message: report.English().Text(message.New("registry-verify.failed", "assumption", assumption(name), "why", why)),
	})
}
