package server

import (
	"context"
	"fmt"
	"net"
	"os"

	"reconciler/internal/binding"
	"reconciler/internal/server/port"
)

// Caller is who asks, as far as that is proven. The zero Caller is somebody who
// may open the socket, on a system that reports no more.
type Caller struct {
	// Peer is true if UID, GID and PID are what the operating system reports
	// about the other end of the socket.
	Peer          bool
	UID, GID, PID int
	// Token says that the caller had a token of the API, Name which one (empty
	// for the one without a name), and Remote from where.
	Token        bool
	Name, Remote string
}

// ThisProcess is the caller that this process itself is.
func ThisProcess() Caller {
	return Caller{Peer: true, UID: os.Getuid(), GID: os.Getgid(), PID: os.Getpid()}
}

// String names the caller for the log and the history, in words of no language: by
// the user id, or by the token as the configuration names it and the address.
func (c Caller) String() string {
	switch {
	case c.Peer:
		return fmt.Sprintf("uid %d", c.UID)
	case c.Token && c.Name != "":
		return "token " + c.Name + ", " + c.Remote
	case c.Token:
		return "token, " + c.Remote
	}
	return "socket"
}

// Person is the caller who says that they are by.
func (c Caller) Person(by string) binding.Person {
	if !c.Peer && !c.Token {
		return binding.Person{By: by}
	}
	return binding.Person{By: by, Proven: c.String()}
}

// socketPeer names the other end of a connection over the socket.
func socketPeer(conn net.Conn) string {
	c, err := peerOf(conn)
	if err != nil {
		return "an unknown user"
	}
	return c.String()
}

type callerKey struct{}

// callerOf is the caller that the listener found out.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// withPeer keeps a connection and who opened its other end for the requests on
// it.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	ctx = port.Keep(ctx, conn)
	shared := port.Of(conn)
	if shared == nil {
		return ctx
	}
	c, err := peerOf(shared.Conn)
	if err != nil {
		return ctx // Nothing is proven of them.
	}
	return context.WithValue(ctx, callerKey{}, c)
}
