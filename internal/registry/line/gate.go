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

// gate limits all calls of an instance: with the rate limiter, and with a pause
// after a throttled call.
type gate struct {
	limiter *rate.Limiter
	now     func() time.Time
	wait    func(context.Context, time.Duration) error

	mu     sync.Mutex
	closed binding.Term
}

func newGate(o Options) *gate {
	g := &gate{limiter: rate.NewLimiter(rate.Limit(o.RequestsPerSecond), o.Burst), now: o.Now, wait: o.Wait}
	if g.now == nil {
		g.now, g.wait = time.Now, binding.Sleep
	}
	return g
}

// pass waits until a call may be sent.
func (g *gate) pass(ctx context.Context) error {
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
	turn := g.limiter.ReserveN(now, 1)
	if err := g.wait(ctx, turn.DelayFrom(now)); err != nil {
		turn.CancelAt(g.now())
		return err
	}
	return nil
}

// close pauses all calls for d.
func (g *gate) close(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := g.now(); d > g.closed.Left(now) {
		g.closed = binding.TermOf(now, d)
	}
}

func (g *gate) closedFor() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.closed = g.closed.At(now)
	return g.closed.Left(now)
}
