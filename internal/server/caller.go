package server

import (
	"context"
	"fmt"
	"net"
	"os"

	"reconciler/internal/binding"
	"reconciler/internal/server/port"
)

// Caller is the verified origin of a request. The zero Caller is anybody who
// may open the socket, on a system that reports nothing else.
type Caller struct {
	// Peer is true if UID, GID and PID are what the operating system reports
	// about the other end of the socket.
	Peer          bool
	UID, GID, PID int
	// Token is true if the caller had a token of the API. Name is the token's
	// name, if it has one, and Remote the address of the caller.
	Token        bool
	Name, Remote string
}

// ThisProcess is the caller for requests from this process itself.
func ThisProcess() Caller {
	return Caller{Peer: true, UID: os.Getuid(), GID: os.Getgid(), PID: os.Getpid()}
}

// String names the caller for the log and the history, independent of the
// language: by the user ID, or by the token's name in the configuration and the
// address.
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

// Person is the caller together with the name by that they gave.
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

// callerOf is the caller that the listener determined.
func callerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// withPeer stores a connection and its caller for the requests on it.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	ctx = port.ConnContext(ctx, conn)
	shared := port.Of(conn)
	if shared == nil {
		return ctx
	}
	c, err := peerOf(shared.Conn)
	if err != nil {
		return ctx // Nothing is known about the caller.
	}
	return context.WithValue(ctx, callerKey{}, c)
}
