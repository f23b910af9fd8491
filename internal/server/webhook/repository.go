package webhook

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// maxURLBytes is the longest address that is parsed.
const maxURLBytes = 2048

// errNotRepository means that a text is not a repository's address. It does not
// repeat the text, because an address may contain a credential.
var errNotRepository = message.NewError("webhook.no-address")

// repository identifies a repository independent of the protocol: all ways to
// write its address (https, ssh, user@host:path, with or without .git) result
// in the same repository.
type repository struct {
	// host is in lower case, with international names in their ASCII form,
	// followed by :PORT if the port is not a default one.
	host string
	// path has no slash at either end and no .git.
	path string
}

// String is the repository as an https address, which parses to the same
// repository.
func (r repository) String() string {
	return (&url.URL{Scheme: "https", Host: r.host, Path: "/" + r.path}).String()
}

// same compares paths without regard to case, as the big code hosts do. If it
// wrongly takes a push for ours, that costs only one read of the source.
func (r repository) same(other repository) bool {
	return r.host == other.host && strings.EqualFold(r.path, other.path)
}

// endsIn reports whether the path ends in these names, without regard to case.
func (r repository) endsIn(path string) bool {
	have, want := strings.Split(r.path, "/"), strings.Split(cleanPath(path), "/")
	return len(have) >= len(want) && strings.EqualFold(strings.Join(have[len(have)-len(want):], "/"), strings.Join(want, "/"))
}

// parseRepository parses an address: a URL, git's short form user@host:path, or
// host/path. It drops user, password, query and fragment.
func parseRepository(raw string) (repository, error) {
	if len(raw) > maxURLBytes || strings.ContainsFunc(raw, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
		return repository{}, errNotRepository
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return parseShort(raw)
	}
	if !slices.Contains([]string{"https", "http", "ssh", "git", "git+ssh", "ssh+git"}, strings.ToLower(scheme)) {
		return repository{}, errNotRepository
	}
	return parseURL("https://" + rest)
}

// parseShort parses user@host:path, host:path and host/path. A number after the
// colon is a port if there is no user.
func parseShort(raw string) (repository, error) {
	at, path, ok := strings.Cut(raw, ":")
	if !ok || strings.Contains(at, "/") {
		return parseURL("https://" + raw)
	}
	first, _, _ := strings.Cut(path, "/")
	user, host, hasUser := strings.Cut(at, "@")
	if !hasUser {
		if first != "" && strings.Trim(first, "0123456789") == "" {
			return parseURL("https://" + raw)
		}
		host = user
	}
	return newRepository(host, "", path)
}

// parseURL parses an address with a scheme.
func parseURL(raw string) (repository, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return repository{}, errNotRepository
	}
	return newRepository(u.Hostname(), u.Port(), u.Path)
}

func newRepository(host, port, path string) (repository, error) {
	host, ok := cleanHost(host, port)
	path = cleanPath(path)
	dots := slices.ContainsFunc(strings.Split(path, "/"), func(s string) bool { return s == "." || s == ".." })
	if !ok || path == "" || dots {
		return repository{}, errNotRepository
	}
	return repository{host: host, path: path}, nil
}

// cleanHost normalizes a host. It drops the default port of any scheme, because
// a push names the repository by https and by ssh.
func cleanHost(host, port string) (string, bool) {
	host = strings.TrimRight(host, ".")
	if ip := net.ParseIP(host); ip != nil {
		host = ip.String()
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
	} else {
		ascii, err := idna.Lookup.ToASCII(host)
		if err != nil {
			// Names with _ are not valid host names, but they are in use.
			ascii = strings.ToLower(host)
		}
		host = strings.TrimRight(ascii, ".")
		if host == "" || strings.ContainsFunc(host, func(c rune) bool { return !binding.InHostName(c) }) {
			return "", false
		}
	}
	port = strings.TrimLeft(port, "0")
	if port == "" || slices.Contains([]string{"22", "80", "443", "9418"}, port) {
		return host, true
	}
	return host + ":" + port, len(port) <= 5
}

// cleanPath normalizes a path.
func cleanPath(path string) string {
	path = norm.NFC.String(strings.ToValidUTF8(path, "\uFFFD"))
	names := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	for len(names) > 0 {
		last := &names[len(names)-1]
		for strings.HasSuffix(*last, ".git") {
			*last = strings.TrimSuffix(*last, ".git")
		}
		if *last != "" {
			break
		}
		names = names[:len(names)-1]
	}
	return strings.Join(names, "/")
}
