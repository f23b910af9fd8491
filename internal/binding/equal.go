package binding

import (
	"net/url"
	"strings"
)

// NormalAddress is an address in the form used to compare two of them: scheme
// and host in lower case, a default port, a trailing slash and GitLab's
// sign-in path left out. An address that does not parse is returned trimmed.
func NormalAddress(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return strings.TrimSpace(address)
	}
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := scheme + ":" + u.Port(); u.Port() != "" && port != "http:80" && port != "https:443" {
		host += ":" + u.Port()
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	path = strings.TrimRight(strings.TrimSuffix(path, "/users/sign_in"), "/")
	return scheme + "://" + host + path
}

// SameAddress compares two addresses by meaning (see NormalAddress).
func SameAddress(a, b string) bool { return NormalAddress(a) == NormalAddress(b) }

// SameUsername compares two account names of a platform. GitHub, GitLab and
// Bitbucket fold case in account names; Codeup's clone username is exact.
func SameUsername(p Platform, a, b string) bool {
	if p == Codeup {
		return a == b
	}
	return strings.EqualFold(a, b)
}

// SameSource compares two project paths of a platform: the hosts fold case and
// a leading or trailing slash means nothing.
func SameSource(a, b string) bool {
	return strings.EqualFold(strings.Trim(a, "/"), strings.Trim(b, "/"))
}

// Same reports whether two links mean the same.
func (l Link) Same(o Link) bool {
	same := SameSource(l.Source, o.Source)
	l.Source, o.Source = "", ""
	return same && l == o
}

// NormalDockerfile is a Dockerfile path in the form used to compare two of
// them: one leading slash, none doubled.
func NormalDockerfile(path string) string {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	return "/" + strings.Join(parts, "/")
}

// Same reports whether two build rules mean the same.
func (r BuildRule) Same(o BuildRule) bool {
	return r.Key() == o.Key() && NormalDockerfile(r.Dockerfile) == NormalDockerfile(o.Dockerfile)
}

// NormalImage is an image repository in the form used as a key.
func NormalImage(image string) string { return strings.Trim(image, "/") }

// SameAccount compares two accounts of a platform by meaning. A field that one side
// does not report does not count as a difference: Codeup has no address.
func SameAccount(a, b Account) bool {
	username, address := a.Differs(b)
	return a.Platform == b.Platform && !username && !address
}

// Differs reports which fields differ in meaning. It compares only fields that both
// accounts report.
func (a Account) Differs(b Account) (username, address bool) {
	return a.Username != "" && b.Username != "" && !SameUsername(a.Platform, a.Username, b.Username),
		a.Address != "" && b.Address != "" && !SameAddress(a.Address, b.Address)
}
