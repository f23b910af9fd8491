package providers

import (
	"context"
	"net"
	"sync"
	"time"

	"reconciler/internal/binding"
)

// slowFailure is how long a connection must take to fail for its failure to count
// for later ones too. A quick failure costs nothing to try again.
const slowFailure = 2 * time.Second

// After a failed connection, an address counts as not answering for downShare times
// as long as the connection took to fail, and at most for downMost: if the process
// was frozen meanwhile, it knows nothing about the host.
const (
	downShare = 3
	downMost  = 15 * time.Second
)

// dialFunc opens a connection to a "host:port".
type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// maxConnecting is how many requests to an address may try to connect at once while there
// is no open connection to it. The others wait for the first result before they enter
// the transport, where waiting would cost a goroutine with a deep stack each.
const maxConnecting = 4

// connector opens connections. If one to an address takes long to fail, and none was
// opened meanwhile, all others that are being opened to it fail too, because they
// wait for the same. No other is tried for three times as long. So thousands of
// requests to a host that does not answer wait only once, and not one after the
// other.
type connector struct {
	open dialFunc
	now  func() time.Time

	mu sync.Mutex
	to map[string]*destination
}

// destination is an address with requests or open connections, or one that recently
// could not be connected to.
type destination struct {
	// asking counts the running requests, opening the connections being opened,
	// and open the open connections.
	asking, opening, open int
	// changed is closed when a connection is opened or fails, or a request ends.
	changed chan struct{}
	// opened is when a connection was opened last.
	opened time.Time
	// ended is cancelled when a connection fails, with the reason as its cause.
	ended context.Context
	fail  context.CancelCauseFunc
	// down is how long no connection is tried.
	down binding.Term
}

func newConnector(open dialFunc, now func() time.Time) *connector {
	return &connector{open: open, now: now, to: map[string]*destination{}}
}

// ask begins a request to an address: it waits while others find out whether the
// address answers. The caller calls done when the request has ended. The error is
// that of a failed connection, or the context's.
func (c *connector) ask(ctx context.Context, address string) (done func(), err error) {
	c.mu.Lock()
	d := c.destination(address)
	d.asking++
	waits := d.asking > maxConnecting && d.open == 0 && d.ended.Err() == nil
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
		c.cancel(address)
		return nil, err
	}
	return done, nil
}

// cancel ends a request that did not begin. No other request waits for that.
func (c *connector) cancel(address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	d.asking--
	c.forget(address, d)
}

// forget drops an address without requests. The caller holds c.mu.
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
		c.change(address, func(d *destination) { d.open, d.opened = d.open+1, time.Now() })
		closed := sync.OnceFunc(func() { c.change(address, func(d *destination) { d.open-- }) })
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

// connection is a connection that reports when it is closed.
type connection struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *connection) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// destination returns that of an address, and makes it if there is none. The caller
// holds c.mu.
func (c *connector) destination(address string) *destination {
	d := c.to[address]
	if d == nil {
		d = &destination{changed: make(chan struct{})}
		d.ended, d.fail = context.WithCancelCause(context.Background())
		c.to[address] = d
	}
	return d
}

// begin registers a new connection to an address. It returns the context that is
// cancelled when all connections being opened fail. The error is that of a connection
// that failed recently.
func (c *connector) begin(address string) (ended context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.destination(address)
	if d.ended.Err() != nil {
		now := c.now()
		if d.down = d.down.At(now); d.down.Remaining(now) > 0 {
			return nil, context.Cause(d.ended)
		}
		d.ended, d.fail = context.WithCancelCause(context.Background())
		d.opened = time.Time{}
	}
	d.opening++
	return d.ended, nil
}

// change changes what is known about an address, wakes the requests that wait for it,
// and forgets an address without requests.
func (c *connector) change(address string, how func(d *destination)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	how(d)
	close(d.changed)
	d.changed = make(chan struct{})
	c.forget(address, d)
}

func (d *destination) idle() bool { return d.asking == 0 && d.opening == 0 && d.open == 0 }

// failed cancels all connections being opened to an address that does not answer, and
// sets for how long no other is tried. A quick failure concerns only one connection,
// and so does one during which another connection was opened.
func (c *connector) failed(address string, err error, began time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.to[address]
	took, now := time.Since(began), c.now()
	if took < slowFailure || d.opened.After(began) || d.ended.Err() != nil {
		return
	}
	for other, old := range c.to {
		if old.idle() && old.ended.Err() != nil && old.down.Remaining(now) <= 0 {
			delete(c.to, other)
		}
	}
	d.fail(err)
	d.down = binding.TermOf(now, min(downShare*took, downMost))
}
