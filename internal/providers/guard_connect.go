package providers

import (
	"context"
	"net"
	"sync"
	"time"

	"reconciler/internal/binding"
)

// slowFailure is how long a connection takes to fail for its failure to count for
// those that come after it. What fails at once costs nothing to try again.
const slowFailure = 2 * time.Second

// downShare is for how many times as long as its connection took to fail an address
// counts as one that does not answer, and downMost for how long at most: a process
// that was frozen meanwhile knows nothing of the host.
const (
	downShare = 3
	downMost  = 15 * time.Second
)

// dialFunc opens a connection to a "host:port".
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// connector opens connections. When one to an address took long to fail, and none was
// opened meanwhile, all that are being opened to it fail with it: they wait for the
// same. No other is tried for three times as long. So thousands of requests to a host
// that does not answer wait for it once, and not each for itself.
type connector struct {
	open dialFunc
	now  func() time.Time

	mu sync.Mutex
	to map[string]*destination
}

// destination is an address that connections are being opened to, or that could not be
// connected to a moment ago.
type destination struct {
	opening int
	// opened is when a connection was opened last.
	opened time.Time
	// ended is done when a connection failed, with the reason as its cause.
	ended context.Context
	fail  context.CancelCauseFunc
	// down is how long nothing is tried.
	down binding.Term
}

func newConnector(open dialFunc, now func() time.Time) *connector {
	return &connector{open: open, now: now, to: map[string]*destination{}}
}

func (c *connector) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d, err := c.begin(address)
	if err != nil {
		return nil, err
	}
	defer c.end(address, d)
	opening, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ended, cancel)()
	began := time.Now()
	conn, err := c.open(opening, network, address)
	if err == nil {
		c.opened(d)
		return conn, nil
	}
	if cause := context.Cause(d.ended); cause != nil && ctx.Err() == nil {
		return nil, cause
	}
	if ctx.Err() == nil && notConnected(err) {
		c.failed(d, err, began)
	}
	return nil, err
}

// begin joins those that open a connection to an address. The error is that of one
// that failed a moment ago.
func (c *connector) begin(address string) (*destination, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	if d != nil && d.ended.Err() != nil {
		now := c.now()
		if d.down = d.down.At(now); d.down.Left(now) > 0 {
			return nil, context.Cause(d.ended)
		}
		d = nil
	}
	if d == nil {
		d = &destination{}
		d.ended, d.fail = context.WithCancelCause(context.Background())
		c.to[address] = d
	}
	d.opening++
	return d, nil
}

func (c *connector) end(address string, d *destination) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.opening--
	if d.opening == 0 && c.to[address] == d && d.ended.Err() == nil {
		delete(c.to, address)
	}
}

func (c *connector) opened(d *destination) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d.opened = time.Now()
}

// failed ends all that open a connection to an address that does not answer, and notes
// for how long no other is tried. A failure at once is the failure of one connection,
// and so is one during which another was opened.
func (c *connector) failed(d *destination, err error, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	took, now := time.Since(began), c.now()
	if took < slowFailure || d.opened.After(began) || d.ended.Err() != nil {
		return
	}
	for other, old := range c.to {
		if old.ended.Err() != nil && old.down.Left(now) <= 0 {
			delete(c.to, other)
		}
	}
	d.fail(err)
	d.down = binding.TermOf(now, min(downShare*took, downMost))
}
