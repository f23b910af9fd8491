//go:build !linux

package server

import "net"

// peerOf knows nothing here: SO_PEERCRED is Linux's. The socket's mode alone
// says who may ask, and the log and the history say "the socket".
func peerOf(net.Conn) (Caller, error) { return Caller{}, nil }
