package git

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"reconciler/internal/binding"
)

// endpoint is where a repository is. Nothing in it is a secret.
type endpoint struct {
	scheme string // https, http or ssh
	user   string // ssh only
	host   string // without brackets or port
	port   int    // 0 is the scheme's own
	path   string
	// escaped is the path as it was written, where that says more: a %2F is no
	// slash. Empty else.
	escaped string
}

// String is the address as a person would write it, fit for errors and logs.
func (e endpoint) String() string {
	host := e.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if e.port != 0 {
		host += ":" + strconv.Itoa(e.port)
	}
	u := url.URL{Scheme: e.scheme, Host: host, Path: "/" + strings.TrimPrefix(e.path, "/"), RawPath: e.escaped}
	if e.user != "" {
		u.User = url.User(e.user)
	}
	return u.String()
}

// address is the host and port to dial.
func (e endpoint) address() string {
	port := e.port
	if port == 0 {
		port = map[string]int{"https": 443, "http": 80, "ssh": 22}[e.scheme]
	}
	return net.JoinHostPort(e.host, strconv.Itoa(port))
}

// badURL is a refusal that does not repeat the URL.
func badURL(code, why, hint string) error {
	return &binding.Failure{Kind: binding.Refused, Code: code, Op: "git: repository URL", Hint: hint, Err: errors.New(why)}
}

// parseEndpoint reads a repository's URL: https, ssh, user@host:path, and http
// where allowHTTP is set or the host is this machine. Its errors never hold
// any part of the URL but its scheme.
func parseEndpoint(raw string, allowHTTP bool) (endpoint, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return endpoint{}, badURL("source-url", "it holds a space or a control character", "remove it")
	}
	if !strings.Contains(raw, "://") {
		return parseSCP(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, badURL("source-url", "it cannot be read", "write it as https://HOST/PATH or ssh://git@HOST/PATH")
	}
	if err := checkParts(u); err != nil {
		return endpoint{}, err
	}
	e := endpoint{scheme: u.Scheme, user: u.User.Username(), host: u.Hostname(), path: u.Path, escaped: u.RawPath}
	if p := u.Port(); p != "" {
		if e.port, err = strconv.Atoi(p); err != nil || e.port < 1 || e.port > 65535 {
			return endpoint{}, badURL("source-url", "its port is not a number from 1 to 65535", "")
		}
	}
	switch {
	case e.host == "" || strings.Trim(e.path, "/") == "":
		return endpoint{}, badURL("source-url", "it has no host or no path", "")
	case strings.Contains(e.host, ":") && !isAddress(e.host):
		return endpoint{}, badURL("source-url", "its host is neither a name nor an address", "write an IPv6 address in brackets")
	case e.scheme == "http" && !allowHTTP && !binding.Loopback(e.host):
		return endpoint{}, badURL("source-url", "http would send credentials and declarations in clear", "use https, or allow http explicitly")
	}
	return e, nil
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// checkParts refuses schemes that are not ours and all places where a secret
// could stand.
func checkParts(u *url.URL) error {
	if u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh" {
		return badURL("source-url", "its scheme is not https or ssh", "the file and git protocols are not supported; a folder is its own kind of source")
	}
	_, password := u.User.Password()
	if password || u.Scheme != "ssh" && u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return badURL("source-url-credentials", "it holds credentials, a query or a fragment",
			"take them out and name a file that holds the password or token")
	}
	return nil
}

// parseSCP reads user@host:path, git's short form of an ssh URL.
func parseSCP(raw string) (endpoint, error) {
	at, path, ok := strings.Cut(raw, ":")
	user, host, hasUser := strings.Cut(at, "@")
	switch {
	case strings.Contains(path, "@") && !strings.Contains(at, "@"):
		return endpoint{}, badURL("source-url-credentials", "it holds credentials", "take them out and name a file that holds the password or token")
	case !ok || !hasUser || user == "" || host == "" || strings.ContainsFunc(host, notInHost) ||
		strings.Trim(path, "/") == "" || strings.HasPrefix(path, "-"):
		return endpoint{}, badURL("source-url", "it is not a URL", "write it as https://HOST/PATH, ssh://git@HOST/PATH or git@HOST:PATH")
	}
	return endpoint{scheme: "ssh", user: user, host: host, path: path}, nil
}

// notInHost reports whether r occurs in no host name. Letters beyond ASCII do
// occur.
func notInHost(r rune) bool {
	return r != '.' && r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r <= 0x7f
}

// cleanPath makes a sub-path of the repository into names from its root.
func cleanPath(p string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(p, "/") {
		switch name {
		case "", ".":
		case "..":
			return nil, fmt.Errorf("git: path %q: .. leads out of the repository", p)
		default:
			names = append(names, name)
		}
	}
	return names, nil
}
