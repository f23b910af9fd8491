package binding

import (
	"net/netip"
	"strings"
)

// Loopback says whether a host, a name or an IP address without a port, is this
// machine: the only place to which a credential may go over plain http.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
