// Package port is what every listener of the daemon has: a bounded number of places that peers share, so that none holds another up, and
// a certificate that is read again when its files change.
package port

import (
	"context"
	"crypto/tls"
	"net"

	"reconciler/internal/binding"
)

const (
	// connections is how many may be open at once, and each how many of one
	// peer: the daemon keeps its files for its own work.
	connections = 512
	each        = 128
)

// Share gives the connections of l places of their own; peer names the other
// end of one, and nil does so by its address. Of a connection too many, the
// oldest one that holds no request is closed.
func Share(l net.Listener, peer func(net.Conn) string) net.Listener {
	return shareAmong(l, peer, NewPlaces(connections, each))
}

func shareAmong(l net.Listener, peer func(net.Conn) string, places *Places) net.Listener {
	if peer == nil {
		peer = func(c net.Conn) string { return Peer(c.RemoteAddr().String()) }
	}
	return &listener{Listener: l, peer: peer, places: places}
}

// Peer names what an address, as net/http writes it, counts as: an IPv4 address,
// the /64 network of an IPv6 one, or "an unknown address".
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
	peer   func(net.Conn) string
	places *Places
}

// Accept implements net.Listener. It never waits for a place.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{Conn: c, place: l.places.Take(l.peer(c), func() { _ = c.Close() })}, nil
}

// Conn is a connection with a place.
type Conn struct {
	net.Conn
	place *Place
}

// Close implements net.Conn, and leaves the place.
func (c *Conn) Close() error {
	c.place.Leave()
	return c.Conn.Close()
}

// Of is the connection with a place below c; nil if there is none.
func Of(c net.Conn) *Conn {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	shared, _ := c.(*Conn)
	return shared
}

type connKey struct{}

// Keep keeps the connection for Hold; it is for http.Server.ConnContext.
func Keep(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, Of(c))
}

// Hold keeps the connection of a request from being closed for a newer one
// until release is called. Only a request that is proven may have that: who says
// by whom, so that one holder of a token does not take all places.
func Hold(ctx context.Context, who string) (release func()) {
	if c, _ := ctx.Value(connKey{}).(*Conn); c != nil {
		return c.place.hold(who)
	}
	return func() {}
}
