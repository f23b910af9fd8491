// Package port has what every listener of the daemon needs: a limited number of connections that peers share fairly,
// and a certificate that is read again when its files change.
package port

import (
	"context"
	"crypto/tls"
	"net"

	"reconciler/internal/binding"
)

const (
	// connections is how many may be open at once, and each how many from one
	// peer, so that the daemon does not run out of file descriptors.
	connections = 512
	each        = 128
)

// Share limits the connections of l, separately from other listeners. peer
// names the other end of a connection; nil uses its address. If there are too
// many, the oldest connection without a protected request is closed.
func Share(l net.Listener, peer func(net.Conn) string) net.Listener {
	return shareAmong(l, peer, NewSlots(connections, each))
}

func shareAmong(l net.Listener, peer func(net.Conn) string, slots *Slots) net.Listener {
	if peer == nil {
		peer = func(c net.Conn) string { return Peer(c.RemoteAddr().String()) }
	}
	return &listener{Listener: l, peer: peer, slots: slots}
}

// Peer is the peer that an address in net/http's form counts as: an IPv4
// address, the /64 network of an IPv6 address, or "an unknown address".
func Peer(remote string) string {
	switch of := binding.Network(remote); {
	case !of.IsValid():
		return "an unknown address"
	case of.IsSingleIP():
		return of.Addr().String()
	default:
		return of.String()
	}
}

type listener struct {
	net.Listener
	peer  func(net.Conn) string
	slots *Slots
}

// Accept implements net.Listener. It never waits for a slot.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, slot: l.slots.Acquire(l.peer(c), func() { _ = c.Close() })}, nil
}

// Conn is a connection that has a slot.
type Conn struct {
	net.Conn
	slot *Slot
}

// Close implements net.Conn, and leaves the slot.
func (c *Conn) Close() error {
	c.slot.Release()
	return c.Conn.Close()
}

// Of unwraps c to its Conn; nil if there is none.
func Of(c net.Conn) *Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	shared, _ := c.(*Conn)
	return shared
}

type connKey struct{}

// ConnContext stores the connection in the context for Protect. It is for http.Server.ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, Of(c))
}

// Protect protects the connection of a request from being closed for a newer one
// until release is called. Only authenticated requests may be protected. who
// names the holder of the token, so that one holder does not take all slots.
func Protect(ctx context.Context, who string) (release func()) {
	if c, _ := ctx.Value(connKey{}).(*Conn); c != nil {
		return c.slot.protect(who)
	}
	return func() {}
}
