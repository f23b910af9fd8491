package binding

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"reconciler/internal/message"
)

// GitURL is where a git repository is. It contains no secret.
type GitURL struct {
	Scheme string // https, http or ssh
	User   string // ssh only
	Host   string // without brackets or port
	Port   int    // 0 is the scheme's own
	Path   string
	// Escaped is the path as it was written, if Path cannot express it: an encoded
	// slash (%2F) is not a separator. Otherwise it is empty.
	Escaped string
}

// String is the address as a person would write it, fit for errors and logs.
func (e GitURL) String() string {
	host := e.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if e.Port != 0 {
		host += ":" + strconv.Itoa(e.Port)
	}
	u := url.URL{Scheme: e.Scheme, Host: host, Path: "/" + strings.TrimPrefix(e.Path, "/"), RawPath: e.Escaped}
	if e.User != "" {
		u.User = url.User(e.User)
	}
	return u.String()
}

// Address is the host and port to dial.
func (e GitURL) Address() string {
	port := ownPort(e.Scheme)
	if e.Port != 0 {
		port = strconv.Itoa(e.Port)
	}
	return net.JoinHostPort(e.Host, port)
}

// badGitURL returns a failure that does not contain the URL.
func badGitURL(code string, why, hint message.Message) error {
	return &Failure{Kind: Refused, Code: code, Op: message.New("op.git.url"), Hint: hint, Err: &message.Error{Message: why}}
}

// ParseGitURL reads a repository's URL: https, ssh, user@host:path, and http if the
// host is this machine. Its errors never contain any part of the URL except the
// scheme.
func ParseGitURL(raw string) (GitURL, error) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return GitURL{}, badGitURL("source-url", message.New("git-url.space"), message.New("git-url.remove"))
	}
	if !strings.Contains(raw, "://") {
		return parseSCP(raw)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return GitURL{}, badGitURL("source-url", message.New("git-url.unreadable"), message.New("git-url.write"))
	}
	if err := checkGitURL(u); err != nil {
		return GitURL{}, err
	}
	e := GitURL{Scheme: u.Scheme, User: u.User.Username(), Host: u.Hostname(), Path: u.Path, Escaped: u.RawPath}
	if p := u.Port(); p != "" {
		if e.Port, err = strconv.Atoi(p); err != nil || e.Port < 1 || e.Port > 65535 {
			return GitURL{}, badGitURL("source-url", message.New("git-url.port"), message.Message{})
		}
	}
	switch {
	case e.Host == "" || strings.Trim(e.Path, "/") == "":
		return GitURL{}, badGitURL("source-url", message.New("git-url.parts"), message.Message{})
	case strings.Contains(e.Host, ":") && !isIP(e.Host):
		return GitURL{}, badGitURL("source-url", message.New("git-url.host"), message.New("git-url.brackets"))
	case e.Scheme == "http" && !Loopback(e.Host):
		return GitURL{}, badGitURL("source-url", message.New("git-url.http"), message.New("git-url.https"))
	}
	return e, nil
}

func isIP(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// checkGitURL rejects unsupported schemes, and every part of a URL that could
// contain a secret.
func checkGitURL(u *url.URL) error {
	if u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "ssh" {
		return badGitURL("source-url", message.New("git-url.scheme"), message.New("git-url.other-schemes"))
	}
	_, password := u.User.Password()
	if password || u.Scheme != "ssh" && u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return badGitURL("source-url-credentials", message.New("git-url.secret"),
			message.New("git-url.take-out"))
	}
	return nil
}

// parseSCP reads user@host:path, git's short form of an ssh URL.
func parseSCP(raw string) (GitURL, error) {
	at, path, ok := strings.Cut(raw, ":")
	user, host, hasUser := strings.Cut(at, "@")
	switch {
	case strings.Contains(path, "@") && !strings.Contains(at, "@"):
		return GitURL{}, badGitURL("source-url-credentials", message.New("git-url.credentials"), message.New("git-url.take-out"))
	case !ok || !hasUser || user == "" || host == "" || strings.ContainsFunc(host, notInGitHost) ||
		strings.Trim(path, "/") == "" || strings.HasPrefix(path, "-"):
		return GitURL{}, badGitURL("source-url", message.New("git-url.none"), message.New("git-url.write-scp"))
	}
	return GitURL{Scheme: "ssh", User: user, Host: host, Path: path}, nil
}

// InHostName reports whether a rune occurs in host names in their ASCII form. Names
// with an underscore are in use.
func InHostName(r rune) bool {
	return r == '.' || r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z'
}

// notInGitHost reports whether r cannot occur in a host name as people write it.
func notInGitHost(r rune) bool { return r <= unicode.MaxASCII && !InHostName(unicode.ToLower(r)) }
