package manifest

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// checkAddress checks a GitLab address against the product's rules. It is written
// in Go and not in CUE because the rules are about the parts of the URL: a pattern
// for the whole text cannot compare a port with a range or distinguish an IPv6
// address from a name, and could not report which part is wrong.
func (c *checker) checkAddress(root *node, file string, edition binding.Edition) []finding.Finding {
	platform, n := root.find("spec", "platform"), root.find("spec", "address")
	if platform == nil || platform.text != string(binding.GitLab) || n == nil || n.kind != scalar {
		return nil
	}
	address, isText := n.value.(string)
	if !isText {
		return nil
	}
	findings := gitlabAddress(address, c.allowPrivate)
	if edition == binding.Enterprise {
		findings = enterpriseAddress(findings)
	}
	for i := range findings {
		findings[i] = n.place(file, findings[i])
	}
	return findings
}

// gitlabAddress returns findings about an address, without a position. The messages
// name parts of the address, but never its user information or query, which may
// contain a secret.
func gitlabAddress(address string, allowPrivate bool) []finding.Finding {
	u, err := url.Parse(address)
	if err != nil {
		return []finding.Finding{finding.New("gitlab-address", message.New("address.not-url"))}
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return []finding.Finding{finding.New("gitlab-address", message.New("address.scheme"))}
	}
	if u.Hostname() == "" {
		return []finding.Finding{finding.New("gitlab-address", message.New("address.no-host"))}
	}
	findings := append(addressParts(u), addressPort(u)...)
	if !allowPrivate {
		findings = append(findings, addressPublic(u.Hostname())...)
	}
	return findings
}

func addressParts(u *url.URL) []finding.Finding {
	var findings []finding.Finding
	for _, part := range []struct {
		what    message.Message
		present bool
	}{
		{message.New("address.has-user"), u.User != nil},
		{message.New("address.has-query"), u.RawQuery != "" || u.ForceQuery},
		{message.New("address.has-fragment"), u.Fragment != "" || u.RawFragment != ""},
		{message.New("address.has-empty-port"), strings.HasSuffix(u.Host, ":")},
		{message.New("address.has-odd-host"), !isHost(u.Hostname())},
	} {
		if part.present {
			findings = append(findings, finding.New("gitlab-address", part.what))
		}
	}
	path := strings.Trim(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/users/sign_in"), "/")
	switch {
	case strings.Contains(path, "/"):
		findings = append(findings, finding.New("gitlab-address", message.New("address.path")))
	case path != "":
		f := finding.New("gitlab-address", message.New("address.short-path")).As(finding.Warning)
		findings = append(findings, f)
	}
	return findings
}

// isHost reports whether a host is an IP address, or a name of letters (of any
// script), digits, dots and dashes.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if len(host) > 253 || strings.HasPrefix(host, ".") || strings.Contains(host, "..") {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r < 0x80 && r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

func addressPort(u *url.URL) []finding.Finding {
	port := u.Port()
	if port == "" {
		return nil
	}
	number, err := strconv.Atoi(port)
	if err != nil || number > 65535 || strconv.Itoa(number) != port {
		return []finding.Finding{finding.New("gitlab-address", message.New("address.odd-port", "port", clip(port)))}
	}
	if u.Scheme == "https" {
		if number == 443 {
			return nil
		}
		return []finding.Finding{finding.New("gitlab-https-port", message.New("address.https-port", "port", number))}
	}
	if !isHTTPPort(number) {
		return []finding.Finding{finding.New("gitlab-http-port", message.New("address.http-port", "port", number))}
	}
	if number == 80 {
		return nil
	}
	f := finding.New("gitlab-trigger-url", message.New("address.trigger-port", "port", number))
	return []finding.Finding{f}
}

// isHTTPPort reports whether the product accepts a port for a GitLab over HTTP
// (page "Bind a source code hosting platform").
func isHTTPPort(port int) bool {
	switch port {
	case 80, 21, 443, 70, 210, 280, 488, 591, 777:
		return true
	}
	return port >= 1025 && port <= 65535
}

// addressPublic reports a host that cannot be reached from the internet, even if
// something answers there.
func addressPublic(host string) []finding.Finding {
	shown := clip(host)
	var reason message.Message
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !isPublic(ip.Unmap()):
		reason = message.New("address.private", "host", shown)
	case err == nil:
	case isThisMachine(name):
		reason = message.New("address.this-machine", "host", shown)
	case !strings.Contains(name, "."):
		reason = message.New("address.without-dot", "host", shown)
	case strings.HasSuffix(name, ".local"), strings.HasSuffix(name, ".internal"), strings.HasSuffix(name, ".lan"), strings.HasSuffix(name, ".home.arpa"):
		reason = message.New("address.private-name", "host", shown)
	}
	if reason.IsZero() {
		return nil
	}
	return []finding.Finding{finding.New("gitlab-public", reason)}
}

func isThisMachine(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// isLoopback reports whether an address is one of this machine.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		return ip.Unmap().IsLoopback()
	}
	return isThisMachine(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."))
}

func isPublic(ip netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10") // carrier-grade NAT (RFC 6598)
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip) && ip.Zone() == ""
}
