//go:build !linux

package server

import "net"

// peersKnown says that the operating system does not report who opened a
// socket.
const peersKnown = false

// peerOf returns nothing here, because SO_PEERCRED exists only on Linux. Only
// the socket's mode limits who may ask, and the log and the history say "the
// socket".
func peerOf(net.Conn) (Caller, error) { return Caller{}, nil }
