package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// network connects clients with servers in memory. No goroutine ever waits for
// a real socket, so simulated time can pass.
type network struct {
	mu        sync.Mutex
	listeners map[string]*listener
}

// listener is a server's end of the network.
type listener struct {
	address  address
	accepted chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

type address string

func (address) Network() string  { return "tcp" }
func (a address) String() string { return string(a) }

func newNetwork() *network { return &network{listeners: map[string]*listener{}} }

// listen opens a listener; its address looks like one on loopback.
func (n *network) listen(context.Context) (net.Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &listener{
		address:  address(fmt.Sprintf("127.0.0.1:%d", 20_000+len(n.listeners))),
		accepted: make(chan net.Conn), closed: make(chan struct{}),
	}
	n.listeners[l.address.String()] = l
	return l, nil
}

// dial connects to a listener.
func (n *network) dial(ctx context.Context, to string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listeners[to]
	n.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("connect to %s: connection refused", to)
	}
	ours, theirs := net.Pipe()
	select {
	case l.accepted <- theirs:
		return ours, nil
	case <-l.closed:
		return nil, fmt.Errorf("connect to %s: connection refused", to)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accepted:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr implements net.Listener.
func (l *listener) Addr() net.Addr { return l.address }

// errKilled is the answer of everything to a process that is dead. Nothing that
// a dead process does has an effect.
var errKilled = errors.New("the process is dead")

// lines are the connections of one process, cut when it dies.
type lines struct {
	network *network

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
}

// dial implements the clients' DialContext.
func (l *lines) dial(ctx context.Context, _, to string) (net.Conn, error) {
	conn, err := l.network.dial(ctx, to)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return nil, errors.Join(errKilled, conn.Close())
	}
	line := &line{Conn: conn, of: l}
	l.conns[line] = true
	return line, nil
}

// hangUp cuts every connection and lets no new one come.
func (l *lines) hangUp() {
	l.mu.Lock()
	l.cut = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	for c := range conns {
		_ = c.(*line).Conn.Close()
	}
}

// line is one connection, which is forgotten once closed.
type line struct {
	net.Conn
	of *lines
}

// Close implements net.Conn.
func (l *line) Close() error {
	l.of.mu.Lock()
	delete(l.of.conns, l)
	l.of.mu.Unlock()
	return l.Conn.Close()
}
