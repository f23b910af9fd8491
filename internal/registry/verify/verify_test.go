package verify

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// fake is a registry with one platform. Before each call it asks what goes
// wrong.
type fake struct {
	registry.Driver
	now     time.Time
	account *binding.Account
	// mine are the ids of accounts that Bind made.
	mine  map[string]bool
	next  int
	calls int
	// before may change the registry or the context before the nth call, and says
	// how the call fails.
	before func(n int, op string) failing
	// harmed is an account that another bound and that was unbound.
	harmed string
	// lag is how many reads after a write do not show it.
	lag   int
	stale int
	shown *binding.Account
	// idle says that the registry says yes to a bind and does nothing.
	idle bool
	// binds is how many binds were sent.
	binds int
}

// failing is how a call fails: before it is done, after it, or not.
type failing struct {
	err   error
	after bool
}

func (f *fake) call(op string) failing {
	f.calls++
	f.now = f.now.Add(50 * time.Millisecond)
	if f.before == nil {
		return failing{}
	}
	return f.before(f.calls, op)
}

func (f *fake) Capabilities(context.Context) (binding.Capabilities, error) {
	return binding.Capabilities{ListAccounts: true, Bind: true, Unbind: true}, f.call("capabilities").err
}

func (f *fake) Account(ctx context.Context, _ binding.Platform) (*binding.Account, error) {
	if t := f.call("read"); t.err != nil || ctx.Err() != nil {
		return nil, errors.Join(t.err, ctx.Err())
	}
	if f.stale > 0 {
		f.stale--
	} else {
		f.shown = f.account
	}
	if f.shown == nil {
		return nil, nil
	}
	copied := *f.shown
	return &copied, nil
}

func (f *fake) Bind(_ context.Context, wanted binding.Account, _ secrets.Secret) (binding.Account, error) {
	t := f.call("bind")
	f.binds++
	if t.err != nil && !t.after {
		return binding.Account{}, t.err
	}
	if f.idle {
		return wanted, nil
	}
	if f.account != nil {
		return binding.Account{}, &binding.Failure{Kind: binding.Refused, Code: "SOURCE_ACCOUNT_ALREADY_EXIST", Op: message.Verbatim("bind")}
	}
	f.account = f.make(wanted)
	f.mine[f.account.ID] = true
	f.stale = f.lag
	if t.err == nil && f.lag == 0 {
		wanted.ID = f.account.ID // As drivers do, it reads the account back.
	}
	return wanted, t.err
}

func (f *fake) make(a binding.Account) *binding.Account {
	f.next++
	a.ID, a.Created = fmt.Sprint(f.next), f.now
	return &a
}

func (f *fake) Unbind(_ context.Context, a binding.Account) error {
	t := f.call("unbind")
	if t.err != nil && !t.after {
		return t.err
	}
	if f.account == nil || f.account.ID != a.ID {
		return &binding.Failure{Kind: binding.NotFound, Op: message.Verbatim("unbind")}
	}
	if !f.mine[a.ID] {
		f.harmed = a.ID
	}
	f.account = nil
	f.stale = f.lag
	return t.err
}

func (f *fake) options() Options {
	return Options{
		Instance: "prod", Region: "cn-hangzhou", VisibilityTimeout: 30 * time.Second, Token: secrets.New([]byte("token")),
		Account: binding.Account{Platform: binding.GitLab, Username: "throw-away", Address: "https://gitlab.example.com"},
		Now:     func() time.Time { return f.now },
		Wait: func(ctx context.Context, d time.Duration) error {
			f.now = f.now.Add(d)
			return ctx.Err()
		},
	}
}

func newFake() *fake {
	return &fake{now: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC), mine: map[string]bool{}, next: 100}
}

func run(ctx context.Context, f *fake) (report.RegistryVerification, error) {
	r, err := Begin(ctx, f, f.options())
	if errors.Is(err, ErrBound) {
		return report.RegistryVerification{}, err
	}
	return r.Finish(ctx), nil
}

// check holds a run to what must always hold.
func (f *fake) check(t *testing.T, v report.RegistryVerification, err error) {
	t.Helper()
	if f.harmed != "" {
		t.Errorf("the account %s of somebody else was unbound", f.harmed)
	}
	left := f.account != nil && f.mine[f.account.ID]
	if left && len(v.Left) == 0 {
		t.Errorf("the account is still bound, and nothing is reported as left (%v, %v)", v.Assumptions, err)
	}
	for _, l := range v.Left {
		if l.Message.IsZero() || len(l.Remove) < 2 {
			t.Errorf("how to remove is not said: %+v", l)
		}
	}
}

func TestAWholeRunProvesEveryAssumptionAndLeavesNothing(t *testing.T) {
	for _, lag := range []int{0, 4, 9} {
		f := newFake()
		f.lag = lag
		v, err := run(t.Context(), f)
		f.check(t, v, err)
		if v.Failed() || v.Interrupted || len(v.Left) > 0 || f.account != nil {
			t.Errorf("lag %d: %+v", lag, v)
		}
		if v.BindSeconds == nil || (lag > 0) != (*v.BindSeconds > 0) || v.Settle == "" {
			t.Errorf("lag %d: bind %v, settle %q", lag, v.BindSeconds, v.Settle)
		}
	}
}

func TestABindingThatIsThereIsNeverTouched(t *testing.T) {
	f := newFake()
	f.account = f.make(f.options().Account)
	if _, err := run(t.Context(), f); !errors.Is(err, ErrBound) {
		t.Errorf("the error is %v", err)
	}
	f.check(t, report.RegistryVerification{}, nil)
	if f.account == nil || f.calls > 2 {
		t.Errorf("%d calls, bound %v", f.calls, f.account)
	}
}

// Whatever ends a run at whatever call, nobody else's account is unbound, and
// what may be left is reported.
func TestARunThatEndsAnywhereSaysWhatIsLeft(t *testing.T) {
	whole := newFake()
	if _, err := run(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	kinds := []binding.FailureKind{
		binding.Transient, binding.Throttled, binding.OutcomeUnknown, binding.Unreadable, binding.Refused, binding.Forbidden, binding.NotFound,
	}
	// A registry that says no does nothing, or shows at once what it did.
	byName := map[binding.FailureKind]bool{binding.Refused: true, binding.Forbidden: true, binding.NotFound: true}
	for n := 1; n <= whole.calls; n++ {
		for _, lag := range []int{0, 3, 1000} {
			for _, after := range []bool{false, true} {
				for _, kind := range kinds {
					for _, rest := range []bool{false, true} {
						if byName[kind] && after && lag > 0 {
							continue
						}
						f := newFake()
						f.lag = lag
						f.before = func(call int, _ string) failing {
							if call == n || rest && call > n {
								return failing{&binding.Failure{Kind: kind, Op: message.Verbatim("test")}, after}
							}
							return failing{}
						}
						v, err := run(t.Context(), f)
						f.check(t, v, err)
					}
				}
			}
			f := newFake()
			f.lag = lag
			ctx, cancel := context.WithCancel(t.Context())
			f.before = func(call int, _ string) failing {
				if call == n {
					cancel()
				}
				return failing{}
			}
			v, err := run(ctx, f)
			f.check(t, v, err)
			if v.Failed() {
				t.Errorf("interrupted at call %d: that is no verdict on the registry: %+v", n, v.Assumptions)
			}
			if lag == 0 && f.account != nil {
				t.Errorf("interrupted at call %d: the account was not tidied up", n)
			}
			cancel()
		}
	}
}

// Somebody who binds or unbinds the platform at any call is never undone.
func TestSomebodyElsesAccountIsNeverUnbound(t *testing.T) {
	whole := newFake()
	if _, err := run(t.Context(), whole); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.calls+1; n++ {
		for name, change := range map[string]func(*fake){
			"binds another": func(f *fake) {
				a := f.options().Account
				a.Username = "somebody"
				f.account = f.make(a)
			},
			"binds the same user": func(f *fake) { f.account = f.make(f.options().Account) },
			"unbinds":             func(f *fake) { f.account = nil },
		} {
			for _, lost := range []bool{false, true} {
				f := newFake()
				f.before = func(call int, op string) failing {
					if call == n {
						change(f)
					}
					if lost && op == "bind" {
						return failing{&binding.Failure{Kind: binding.OutcomeUnknown, Op: message.Verbatim("test")}, false}
					}
					return failing{}
				}
				v, err := run(t.Context(), f)
				f.check(t, v, err)
				if t.Failed() {
					t.Fatalf("%s at call %d, answer lost %v", name, n, lost)
				}
			}
		}
	}
}

// Kind: one read is taken for an absence. Some replicas do not show an account that
// was bound lately; that nobody is bound takes several reads.
func TestOneReadIsNoAbsence(t *testing.T) {
	for _, old := range []int{1, 2, 3, 4, 5} {
		f := newFake()
		f.account, f.stale = f.make(f.options().Account), old
		v, err := run(t.Context(), f)
		f.check(t, v, err)
		if f.binds > 0 || err == nil && !v.Failed() {
			t.Errorf("%d reads show nothing: %d binds, %v, %+v", old, f.binds, err, v.Assumptions)
		}
	}
}

// An account that somebody bound while the run asked for a yes is not the run's,
// although it was bound after the run began, and has the same user.
func TestAnAccountBoundDuringTheQuestionIsNotOurs(t *testing.T) {
	for _, asked := range []time.Duration{5 * time.Second, time.Minute, time.Hour} {
		for _, late := range []int{6, 7, 20} {
			f := newFake()
			f.idle = true
			r, err := Begin(t.Context(), f, f.options())
			if err != nil {
				t.Fatal(err)
			}
			f.now = f.now.Add(asked / 2)
			f.account, f.stale = f.make(f.options().Account), late
			f.now = f.now.Add(asked / 2)
			v := r.Finish(t.Context())
			f.check(t, v, nil)
			if f.account == nil {
				t.Errorf("asked for %s, shown after %d reads: somebody's account is gone", asked, late)
			}
		}
	}
}
