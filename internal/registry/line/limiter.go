package line

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// maxWait is how long a call waits for throttling to end at most. After that it
// fails, and the caller retries later.
const maxWait = 10 * time.Second

// callLimiter limits all calls of an instance: with the rate limiter, and with a pause
// after a throttled call.
type callLimiter struct {
	limiter *rate.Limiter
	now     func() time.Time
	wait    func(context.Context, time.Duration) error

	mu     sync.Mutex
	closed binding.Term
}

func newCallLimiter(o Options) *callLimiter {
	g := &callLimiter{limiter: rate.NewLimiter(rate.Limit(o.RequestsPerSecond), o.Burst), now: o.Now, wait: o.Wait}
	if g.now == nil {
		g.now, g.wait = time.Now, binding.Sleep
	}
	return g
}

// pass waits until a call may be sent.
func (g *callLimiter) pass(ctx context.Context) error {
	for {
		left := g.closedFor()
		if left <= 0 {
			break
		}
		if left > maxWait {
			return &binding.Failure{
				Kind: binding.Throttled, Op: message.New("op.registry.waiting"), RetryAfter: left,
				Hint: message.New("registry.paused"),
			}
		}
		if err := g.wait(ctx, left); err != nil {
			return err
		}
	}
	now := g.now()
	reservation := g.limiter.ReserveN(now, 1)
	if err := g.wait(ctx, reservation.DelayFrom(now)); err != nil {
		reservation.CancelAt(g.now())
		return err
	}
	return nil
}

// close pauses all calls for d.
func (g *callLimiter) close(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); d > g.closed.Remaining(now) {
		g.closed = binding.TermOf(now, d)
	}
}

func (g *callLimiter) closedFor() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.closed = g.closed.At(now)
	return g.closed.Remaining(now)
}
