package binding

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

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

// Port is a URL's port, which may be left out where it is the scheme's own.
func Port(u *url.URL) string {
	return cmp.Or(u.Port(), ownPort(u.Scheme))
}

func ownPort(scheme string) string {
	return map[string]string{"http": "80", "https": "443", "socks5": "1080", "ssh": "22"}[scheme]
}

// HostPort is a URL's host with its port.
func HostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), Port(u)) }

// MayGetSecrets says whether a credential may be sent to a URL: over https, or over
// plain http within this machine.
func MayGetSecrets(u *url.URL) bool {
	return u.Scheme == "https" || u.Scheme == "http" && Loopback(u.Hostname())
}

// Loopback says whether a host, a name or an IP address without a port, is this
// machine.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
