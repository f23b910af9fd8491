package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

const (
	// minInterval is the minimum time between two renewals.
	minInterval = time.Second
	// firstBackoff and lastBackoff are the shortest and longest pause after a
	// failed login or renewal; it doubles in between.
	firstBackoff, lastBackoff = time.Second, time.Minute
	// firstDenial and lastDenial are the shortest and longest pause between two
	// logins after an answer 403; it doubles while they do not help.
	firstDenial, lastDenial = 30 * time.Second, time.Hour
	// refusedPause is the minimum time between two logins with a credential
	// that Vault refused.
	refusedPause = 5 * time.Minute
	// lockPause and lastLockPause are the shortest and longest such pause for an
	// AppRole; it doubles in between. Vault locks the role after five refusals in 15
	// minutes, even for a valid secret ID, and other processes may use the same
	// invalid one.
	lockPause, lastLockPause = 16 * time.Minute, 2 * time.Hour
)

// Stats counts what the client did, for example to compute a daemon's logins per
// hour.
type Stats struct{ Logins, Renewals, LoginFailures int64 }

// session is one token. It is immutable: a renewal makes a new session.
type session struct {
	api   *api.Client
	token secrets.Secret
	// lifetime is the token's remaining lifetime at the beginning; 0 means unlimited.
	lifetime time.Duration
	// due is when to renew it or to log in again, and ends when it expires.
	// Zero means never.
	due, ends time.Time
	renewable bool
	// readAllowed is true once a read with the token was allowed.
	readAllowed *atomic.Bool
}

// refusal is a failed login, and the pause before the next one.
type refusal struct {
	pause   binding.Term
	failure *binding.Failure
	// with is the digest of the credential. A different credential is tried at once.
	with [sha256.Size]byte
	// times is how often Vault refused it in a row.
	times int
	// counted is how long it counts as one failed login. In a longer pause it is
	// counted again, so that alerts stay active.
	counted binding.Term
}

// sessions manages the one login that all readers share.
type sessions struct {
	base     *api.Client
	signIn   signIn
	redactor *secrets.Redactor
	now      func() time.Time
	// jitter returns a random number in [0, 1).
	jitter  func() float64
	timeout time.Duration

	current atomic.Pointer[session]
	refused atomic.Pointer[refusal]

	logins, renewals, failures atomic.Int64

	// lock is held while a goroutine renews or signs in, and guards the
	// following fields. It is a channel, because waiting must end with the
	// caller's context.
	lock chan struct{}
	// fails counts the failures since the last success.
	fails int
	// denial is the length of the next pause after a login because of a 403,
	// and denied the current pause.
	denial time.Duration
	denied binding.Term
}

func newSessions(base *api.Client, way signIn, o Options) *sessions {
	return &sessions{
		base: base, signIn: way, redactor: o.Redactor, now: o.Now, timeout: o.Timeout,
		jitter: rand.Float64, lock: make(chan struct{}, 1), denial: firstDenial,
	}
}

// get returns the session to use now. It signs in, or renews a token that is
// due if no other goroutine does already.
func (s *sessions) get(ctx context.Context) (*session, error) {
	for {
		have := s.current.Load()
		usable := s.usable(have)
		if usable && !s.isDue(have) {
			return have, nil
		}
		if usable {
			select {
			case s.lock <- struct{}{}:
			default:
				return have, nil
			}
		} else {
			select {
			case s.lock <- struct{}{}:
			case <-ctx.Done():
				return nil, s.stopped(ctx)
			}
		}
		if s.current.Load() != have {
			// Another goroutine was faster.
			<-s.lock
			continue
		}
		got, err := s.refresh(ctx, have, usable)
		<-s.lock
		return got, err
	}
}

// usable reports whether the session's token can be used.
func (s *sessions) usable(have *session) bool {
	return have != nil && (have.ends.IsZero() || s.now().Before(have.ends)) && !s.signIn.stale(have.token)
}

// isDue reports whether the session must be renewed.
func (s *sessions) isDue(have *session) bool { return !have.due.IsZero() && !s.now().Before(have.due) }

// stopped is the failure for a caller whose context ended.
func (s *sessions) stopped(ctx context.Context) error {
	f := call{op: message.New("op.vault.sign-in"), object: s.base.Address()}.failure(binding.Transient, CodeUnreachable, message.New("vault.busy-login"))
	f.Err = ctx.Err()
	return f
}

// refresh renews the session or signs in. After a failure, a usable session
// stays, and the next attempt is delayed. The caller holds the lock.
func (s *sessions) refresh(ctx context.Context, have *session, usable bool) (*session, error) {
	if usable && have.renewable {
		if renewed := s.renew(ctx, have); renewed != nil {
			return renewed, nil
		}
	}
	got, failure := s.login(ctx)
	switch {
	case failure == nil:
		return got, nil
	case !usable:
		return nil, failure
	}
	later := *have
	later.due = s.now().Add(s.backoff())
	s.current.Store(&later)
	return &later, nil
}

// renew extends the token's lifetime; it returns nil if Vault refuses. Without
// an answer, the session stays and is due again later.
func (s *sessions) renew(ctx context.Context, have *session) *session {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answer, err := have.api.Auth().Token().RenewSelfWithContext(ctx, int(have.lifetime.Seconds()))
	var no *api.ResponseError
	switch {
	case errors.As(err, &no) && no.StatusCode < 500 && no.StatusCode != 412 && no.StatusCode != 429:
		return nil
	case err != nil || answer == nil || answer.Auth == nil:
		s.fails++
		later := *have
		later.due = s.now().Add(s.backoff())
		s.current.Store(&later)
		return &later
	}
	s.renewals.Add(1)
	s.fails = 0
	lifetime := time.Duration(answer.Auth.LeaseDuration) * time.Second
	renewed := s.session(have.api, grant{have.token, lifetime, answer.Auth.Renewable})
	renewed.readAllowed = have.readAllowed
	// If the lifetime shrinks, the token approaches its maximum: log in next time.
	if s.signIn.issues() && lifetime < have.lifetime*9/10 {
		renewed.renewable = false
	}
	s.current.Store(renewed)
	return renewed
}

// login signs in, unless a login failed just before: then it returns that
// failure. The caller holds the lock.
func (s *sessions) login(ctx context.Context) (*session, *binding.Failure) {
	times := 0
	if r := s.refused.Load(); r != nil && r.with == s.signIn.digest() {
		times = r.times
		if now := s.now(); r.pause.Holds(now) {
			if !r.counted.Holds(now) {
				s.failures.Add(1)
				counted := *r
				counted.counted = binding.TermOf(now, refusedPause)
				s.refused.Store(&counted)
			}
			again := *r.failure
			again.RetryAfter = r.pause.Remaining(now)
			return nil, &again
		}
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	base := s.base.WithNamespace(s.base.Namespace())
	with := s.signIn.digest()
	got, failure := s.signIn.obtain(limited, base)
	if failure != nil {
		s.failures.Add(1)
		if ctx.Err() == nil {
			s.fails++
			wait := max(s.backoff(), failure.RetryAfter)
			if failure.Kind == binding.Forbidden {
				times++
				wait = max(wait, s.signIn.afterRefusals(times))
			}
			s.refused.Store(&refusal{binding.TermOf(s.now(), wait), failure, with, times, binding.TermOf(s.now(), refusedPause)})
		}
		return nil, failure
	}
	s.logins.Add(1)
	s.fails = 0
	s.refused.Store(nil)
	s.redactor.Register(got.token)
	base.SetToken(got.token.Expose())
	made := s.session(base, got)
	if old := s.current.Swap(made); old != nil {
		old.token.Wipe()
	}
	return made, nil
}

// session makes a session that is due at two thirds of its lifetime, or
// randomly a little earlier, so that many clients do not renew at once.
func (s *sessions) session(client *api.Client, g grant) *session {
	made := &session{api: client, token: g.token, lifetime: g.ttl, renewable: g.renewable, readAllowed: new(atomic.Bool)}
	if g.ttl > 0 {
		now := s.now()
		interval := time.Duration(float64(g.ttl) * 2 / 3 * (0.9 + 0.1*s.jitter()))
		made.due, made.ends = now.Add(max(interval, minInterval)), now.Add(g.ttl)
	}
	return made
}

// backoff is the pause after the failures so far, randomly between half of it and
// all of it.
func (s *sessions) backoff() time.Duration {
	wait := binding.Pause(firstBackoff, lastBackoff, s.fails)
	return wait/2 + time.Duration(float64(wait/2)*s.jitter())
}

// afterDenial returns a different session than the one that got a 403, or the
// same one if there is nothing else to try. A token keeps the policies that it
// was created with, so a new one may be allowed more than the old one. Logins
// for this reason are rare, and become rarer while they do not help. invalid
// means that Vault no longer knows the token: one that worked before is
// replaced at once.
func (s *sessions) afterDenial(ctx context.Context, used *session, invalid bool) *session {
	select {
	case s.lock <- struct{}{}:
		defer func() { <-s.lock }()
	case <-ctx.Done():
		return used
	}
	now := s.current.Load()
	if now == nil {
		// The client was closed in the meantime.
		return used
	}
	if now.token.Expose() != used.token.Expose() {
		return now
	}
	if !s.signIn.issues() || s.denied.Holds(s.now()) && (!invalid || !used.readAllowed.Load()) {
		return used
	}
	s.denied = binding.TermOf(s.now(), s.denial)
	s.denial = min(2*s.denial, lastDenial)
	made, failure := s.login(ctx)
	if failure != nil {
		return used
	}
	return made
}

// noteUsefulLogin records that a login after a 403 was useful.
func (s *sessions) noteUsefulLogin(ctx context.Context) {
	select {
	case s.lock <- struct{}{}:
		s.denial = firstDenial
		<-s.lock
	case <-ctx.Done():
	}
}
