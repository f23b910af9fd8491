package binding

import (
	"net/netip"
	"net/url"
	"strings"
)

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
