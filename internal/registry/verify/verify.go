// Package verify verifies the assumptions about a registry with a disposable
// account: it binds the account, reads it and unbinds it. It unbinds only an
// account that this run certainly bound.
package verify

import (
	"context"
	"errors"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

const (
	// agreeing is how many reads in a row must agree, because replicas show a
	// write at different times.
	agreeing = 3
	// firstPause and longestPause are the shortest and longest pause between two
	// reads.
	firstPause, longestPause = 200 * time.Millisecond, 5 * time.Second
	// cleanupTimeout limits the cleanup after an interruption.
	cleanupTimeout = 20 * time.Second
)

// ProjectReader reads the source repositories of a bound account.
type ProjectReader interface {
	Projects(ctx context.Context, account binding.Account) ([]string, error)
}

// Options say what to verify.
type Options struct {
	Instance, Region string
	// Account is the disposable account: platform, user name, and address except
	// for Codeup.
	Account binding.Account
	Token   secrets.Secret
	// VisibilityTimeout is how long to wait until a write is visible.
	VisibilityTimeout time.Duration
	Now               func() time.Time
	// Wait waits between reads.
	Wait func(context.Context, time.Duration) error
	// Progress, if not nil, is called before each step.
	Progress func(message.Message)
}

// ErrBound means that an account of the platform is bound already.
var ErrBound = message.NewError("registry-verify.bound-already")

// Run is one verification.
type Run struct {
	driver registry.Driver
	o      Options
	out    report.RegistryVerification
	// began is when the last read before the bind showed that nothing is bound.
	began time.Time
	// sent is true if a bind was sent, and accepted if the registry accepted it.
	sent, accepted bool
	// answered is when the answer to the bind arrived. id is the ID of the
	// account that the driver saw right after it; empty if it saw none.
	answered time.Time
	id       string
	// ours is the account that this run certainly bound; nil if there is none.
	ours *binding.Account
	gone bool
}

// Begin reads what is bound. It changes nothing. The error is ErrBound if an
// account of the platform is bound. If the registry does not answer, the run
// has the verdict and is over.
func Begin(ctx context.Context, driver registry.Driver, o Options) (*Run, error) {
	r := &Run{driver: driver, o: o}
	r.out = report.RegistryVerification{
		APIVersion: binding.APIVersion, Kind: report.KindRegistryVerification, Instance: o.Instance, Platform: string(o.Account.Platform),
	}
	r.progress("begin")
	capabilities, err := driver.Capabilities(ctx)
	if err != nil {
		r.stopped(ctx, "access", err)
		return r, err
	}
	r.confirm("access")
	for _, need := range []struct {
		assumption, name string
		served           bool
	}{{"list-served", "listAccounts", capabilities.ListAccounts}, {"bind-served", "bind", capabilities.Bind}, {"unbind-served", "unbind", capabilities.Unbind}} {
		if !need.served {
			r.refute(need.assumption, capabilities.Reasons[need.name])
		}
	}
	if r.out.Failed() {
		return r, nil
	}
	return r, r.none(ctx)
}

// none checks that nothing is bound, with as many reads as must agree.
func (r *Run) none(ctx context.Context) error {
	for n := range agreeing {
		if n > 0 {
			if err := r.o.Wait(ctx, firstPause); err != nil {
				return err
			}
		}
		account, err := r.driver.Account(ctx, r.o.Account.Platform)
		if err != nil {
			r.stopped(ctx, "list-served", err)
			return err
		}
		r.confirm("list-served")
		if account != nil {
			return ErrBound
		}
	}
	r.began = r.o.Now()
	r.confirm("none-shown")
	return nil
}

// Over reports whether there is nothing more to do: an assumption that the rest
// needs does not hold.
func (r *Run) Over() bool { return r.out.Failed() }

// Finish binds, reads and unbinds. Whatever happens, the result says what may
// be left.
func (r *Run) Finish(ctx context.Context) report.RegistryVerification {
	if err := ctx.Err(); err == nil && !r.Over() {
		r.prove(ctx)
	}
	if ctx.Err() != nil {
		r.out.Interrupted = true
	}
	if r.sent && !r.gone {
		r.cleanUp(ctx)
	}
	r.finishAssumptions()
	return r.out
}

// prove does the steps until one fails.
func (r *Run) prove(ctx context.Context) {
	if err := r.none(ctx); err != nil {
		if errors.Is(err, ErrBound) {
			r.refute("none-shown", message.New("registry-verify.appeared"))
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

func (r *Run) progress(step string) {
	if r.o.Progress != nil {
		r.o.Progress(message.New("registry-verify.step."+step, "platform", r.o.Account.Platform.Title(), "username", r.o.Account.Username))
	}
}
