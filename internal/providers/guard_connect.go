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

// mostAsking is how many requests to an address try at once while no connection to it
// stands. The others wait for the first news of these in front of the transport, where
// it costs little: one that opens a connection takes a goroutine with a deep stack.
const mostAsking = 4

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

// destination is an address that is asked, that connections stand to, or that could
// not be connected to a moment ago.
type destination struct {
	// asking are the requests under way, opening the connections being opened, and
	// standing those that are open.
	asking, opening, standing int
	// changed is closed when a connection was opened or failed, or a request ended.
	changed chan struct{}
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

// ask begins a request to an address: it waits while others find out whether the
// address answers. The caller calls done when the request has ended. The error is
// that of a connection that failed, or the context's.
func (c *connector) ask(ctx context.Context, address string) (done func(), err error) {
	c.mu.Lock()
	d := c.destination(address)
	d.asking++
	waits := d.asking > mostAsking && d.standing == 0 && d.ended.Err() == nil
	changed, ended := d.changed, d.ended
	c.mu.Unlock()
	done = func() { c.change(address, func(d *destination) { d.asking-- }) }
	if !waits {
		return done, nil
	}
	select {
	case <-changed:
	case <-ended.Done():
		err = context.Cause(ended)
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		c.leave(address)
		return nil, err
	}
	return done, nil
}

// leave ends a request that did not begin. Nobody waits for that.
func (c *connector) leave(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	d.asking--
	c.forget(address, d)
}

// forget drops an address that nobody asks; c.mu is held.
func (c *connector) forget(address string, d *destination) {
	if d.idle() && d.ended.Err() == nil {
		delete(c.to, address)
	}
}

func (c *connector) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ended, err := c.begin(address)
	if err != nil {
		return nil, err
	}
	defer c.change(address, func(d *destination) { d.opening-- })
	opening, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ended, cancel)()
	began := time.Now()
	conn, err := c.open(opening, network, address)
	if err == nil {
		c.change(address, func(d *destination) { d.standing, d.opened = d.standing+1, time.Now() })
		closed := sync.OnceFunc(func() { c.change(address, func(d *destination) { d.standing-- }) })
		return &connection{Conn: conn, closed: closed}, nil
	}
	if cause := context.Cause(ended); cause != nil && ctx.Err() == nil {
		return nil, cause
	}
	if ctx.Err() == nil && notConnected(err) {
		c.failed(address, err, began)
	}
	return nil, err
}

// connection reports when it is closed.
type connection struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// destination is that of an address, new if there is none; c.mu is held.
func (c *connector) destination(address string) *destination {
	d := c.to[address]
	if d == nil {
		d = &destination{changed: make(chan struct{})}
		d.ended, d.fail = context.WithCancelCause(context.Background())
		c.to[address] = d
	}
	return d
}

// begin joins those that open a connection to an address; it returns what is done when
// all of them fail. The error is that of one that failed a moment ago.
func (c *connector) begin(address string) (ended context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.destination(address)
	if d.ended.Err() != nil {
		now := c.now()
		if d.down = d.down.At(now); d.down.Left(now) > 0 {
			return nil, context.Cause(d.ended)
		}
		d.ended, d.fail = context.WithCancelCause(context.Background())
		d.opened = time.Time{}
	}
	d.opening++
	return d.ended, nil
}

// change changes what is known of an address, wakes the requests that wait for news of
// it, and forgets an address that nobody asks.
func (c *connector) change(address string, how func(d *destination)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	how(d)
	close(d.changed)
	d.changed = make(chan struct{})
	c.forget(address, d)
}

func (d *destination) idle() bool { return d.asking == 0 && d.opening == 0 && d.standing == 0 }

// failed ends all that open a connection to an address that does not answer, and notes
// for how long no other is tried. A failure at once is the failure of one connection,
// and so is one during which another was opened.
func (c *connector) failed(address string, err error, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	took, now := time.Since(began), c.now()
	if took < slowFailure || d.opened.After(began) || d.ended.Err() != nil {
		return
	}
	for other, old := range c.to {
		if old.idle() && old.ended.Err() != nil && old.down.Left(now) <= 0 {
			delete(c.to, other)
		}
	}
	d.fail(err)
	d.down = binding.TermOf(now, min(downShare*took, downMost))
}
