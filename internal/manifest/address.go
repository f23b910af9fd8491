package manifest

import (
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// checkAddress holds a GitLab address to the product's rules. It is Go and not
// CUE because the rules speak of the URL's parts: a pattern over the whole
// text cannot compare a port with a range or tell an IPv6 literal from a name,
// and could not say which part is wrong.
func (c *checker) checkAddress(root *node, file string) []finding.Finding {
	platform, n := root.find("spec", "platform"), root.find("spec", "address")
	if platform == nil || platform.text != string(binding.GitLab) || n == nil || n.kind != scalar {
		return nil
	}
	address, isText := n.value.(string)
	if !isText {
		return nil
	}
	findings := gitlabAddress(address, c.allowPrivate)
	for i := range findings {
		findings[i] = findings[i].At(file, n.at.Line, n.at.Column).In(n.path)
	}
	return findings
}

// gitlabAddress is what is wrong with an address, without a position. The
// messages name parts of the address and never its user information or query,
// which may hold a secret.
func gitlabAddress(address string, allowPrivate bool) []finding.Finding {
	u, err := url.Parse(address)
	if err != nil {
		return []finding.Finding{finding.New("gitlab-address", message.Verbatim("the address is not a URL"))}
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return []finding.Finding{finding.New("gitlab-address", message.Verbatim("the address does not begin with http:// or https://"))}
	}
	if u.Hostname() == "" {
		return []finding.Finding{finding.New("gitlab-address", message.Verbatim("the address has no host"))}
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
		name    string
		present bool
	}{
		{"a user name or password", u.User != nil},
		{"a query", u.RawQuery != "" || u.ForceQuery},
		{"a fragment", u.Fragment != "" || u.RawFragment != ""},
		{"an empty port", strings.HasSuffix(u.Host, ":")},
		{"a host that is not a name or an IP address", !isHost(u.Hostname())},
	} {
		if part.present {
			findings = append(findings, finding.New("gitlab-address", message.Verbatim("the address has "+part.name)))
		}
	}
	path := strings.Trim(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), "/users/sign_in"), "/")
	switch {
	case strings.Contains(path, "/"):
		findings = append(findings, finding.New("gitlab-address", message.Verbatim("the address has a path: it is that of a group or project, not of the site's root")))
	case path != "":
		f := finding.New("gitlab-address", message.Verbatim("the address has a path, which is right only for a GitLab that is installed under it")).As(finding.Warning)
		findings = append(findings, f)
	}
	return findings
}

// isHost says that a host is an IP address, or a name of letters (of any
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
		return []finding.Finding{finding.New("gitlab-address", message.Verbatim(fmt.Sprintf("the address has the port %s; a port is a number up to 65535 without leading zeros", show(port))))}
	}
	if u.Scheme == "https" {
		if number == 443 {
			return nil
		}
		return []finding.Finding{finding.New("gitlab-https-port", message.Verbatim(fmt.Sprintf("the address uses port %d over HTTPS", number)))}
	}
	if !isHTTPPort(number) {
		return []finding.Finding{finding.New("gitlab-http-port", message.Verbatim(fmt.Sprintf("the address uses port %d over HTTP", number)))}
	}
	if number == 80 {
		return nil
	}
	f := finding.New("gitlab-trigger-url", message.Verbatim(fmt.Sprintf("the address uses port %d over HTTP, so :%d has to be added to the trigger URL by hand", number, number)))
	return []finding.Finding{f}
}

// isHTTPPort is the product's list of ports for a GitLab over HTTP (page "Bind
// a source code hosting platform").
func isHTTPPort(port int) bool {
	switch port {
	case 80, 21, 443, 70, 210, 280, 488, 591, 777:
		return true
	}
	return port >= 1025 && port <= 65535
}

// addressPublic tells the hosts that cannot be reached from the internet,
// whatever answers there.
func addressPublic(host string) []finding.Finding {
	reason := ""
	name := strings.TrimSuffix(strings.ToLower(host), ".")
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil && !isPublic(ip.Unmap()):
		reason = "is a private, loopback or reserved address"
	case err == nil:
	case name == "localhost" || strings.HasSuffix(name, ".localhost"):
		reason = "is this machine"
	case !strings.Contains(name, "."):
		reason = "is a name without a dot, which only a private network knows"
	case strings.HasSuffix(name, ".local"), strings.HasSuffix(name, ".internal"), strings.HasSuffix(name, ".lan"), strings.HasSuffix(name, ".home.arpa"):
		reason = "is a name that only a private network knows"
	}
	if reason == "" {
		return nil
	}
	return []finding.Finding{finding.New("gitlab-public", message.Verbatim(fmt.Sprintf("the host %s %s", show(host), reason)))}
}

func isPublic(ip netip.Addr) bool {
	shared := netip.MustParsePrefix("100.64.0.0/10") // carrier-grade NAT (RFC 6598)
	return ip.IsGlobalUnicast() && !ip.IsPrivate() && !shared.Contains(ip) && ip.Zone() == ""
}
