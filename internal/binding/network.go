package binding

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Network returns the network that a peer's address (IP:port) is counted under: a
// single IPv4 address, or the /64 of an IPv6 address, because one subscriber has a
// whole /64. The result is not valid if remote is not such an address.
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

// Port returns a URL's port, or the scheme's default port if the URL has none.
func Port(u *url.URL) string {
	return cmp.Or(u.Port(), ownPort(u.Scheme))
}

func ownPort(scheme string) string {
	return map[string]string{"http": "80", "https": "443", "socks5": "1080", "ssh": "22"}[scheme]
}

// HostPort is a URL's host with its port.
func HostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), Port(u)) }

// MayGetSecrets reports whether a credential may be sent to a URL: over https, or
// over plain http within this machine.
func MayGetSecrets(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname())
}

// Loopback reports whether a host, a name or an IP address without a port, is this
// machine.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
