package binding

import "net/netip"

// Network is the one that a peer's address (IP:port) counts as: an IPv4 address
// by itself, of an IPv6 address the /64, which is what one subscriber has. It is
// not valid for what is no address.
func Network(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	ip := at.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	network, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}
