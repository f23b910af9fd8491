package server

import (
	"net"

	"golang.org/x/sys/unix"

	"reconciler/internal/message"
)

// peersKnown says that the operating system reports who opened a socket.
const peersKnown = true

// peerOf asks the kernel who opened the other end of a Unix socket.
func peerOf(conn net.Conn) (Caller, error) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return Caller{}, message.NewError("server.not-socket")
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return Caller{}, message.NewError("server.credentials", "why", err)
	}
	var (
		cred  *unix.Ucred
		asked error
	)
	if err := raw.Control(func(fd uintptr) {
		cred, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return Caller{}, message.NewError("server.credentials", "why", err)
	}
	if asked != nil {
		return Caller{}, message.NewError("server.credentials", "why", asked)
	}
	return Caller{Peer: true, UID: int(cred.Uid), GID: int(cred.Gid), PID: int(cred.Pid)}, nil
}
