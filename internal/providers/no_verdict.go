package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"code.dny.dev/ssrf"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Reasons that all hosts share. All of them are reasons of an unknown.
const (
	ReasonRateLimited          = "RateLimited"
	ReasonForbidden            = "Forbidden"
	ReasonHostFailed           = "HostFailed"
	ReasonRedirected           = "Redirected"
	ReasonNotJSON              = "NotJSON"
	ReasonTooLarge             = "AnswerTooLarge"
	ReasonUnreadable           = "Unreadable"
	ReasonTimedOut             = "TimedOut"
	ReasonUnreachable          = "Unreachable"
	ReasonNameNotFound         = "NameNotFound"
	ReasonAddressNotPublic     = "AddressNotPublic"
	ReasonCertificateUntrusted = "CertificateUntrusted"
	ReasonBadAddress           = "BadAddress"
	ReasonUnexpectedStatus     = "UnexpectedStatus"
	ReasonTokenRefused         = "TokenRefused"
	ReasonNoToken              = "NoToken"
)

// noAnswer reports whether this reason means that the host gives no usable
// answer to any question.
func noAnswer(reason string) bool {
	switch reason {
	case ReasonRateLimited, ReasonForbidden, ReasonHostFailed, ReasonRedirected, ReasonNotJSON, ReasonTooLarge, ReasonUnreadable,
		ReasonTimedOut, ReasonUnreachable, ReasonNameNotFound, ReasonAddressNotPublic, ReasonCertificateUntrusted, ReasonUnexpectedStatus:
		return true
	}
	return false
}

// OfError converts the error of a call to a host to the reason and message of
// an unknown. The message has only the host's name: an error of a client
// library may contain the whole request, and is never printed.
func OfError(host string, err error) (reason string, m message.Message) {
	var dns *net.DNSError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	var timeout net.Error
	if f, ok := errors.AsType[*binding.Failure](err); ok {
		return ofFailure(host, f)
	}
	switch {
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return ReasonAddressNotPublic, message.New("host.not-public", "host", host)
	case errors.As(err, &verify), errors.As(err, &authority):
		return ReasonCertificateUntrusted, message.New("host.certificate", "host", host)
	case errors.As(err, &dns) && dns.IsNotFound:
		return ReasonNameNotFound, message.New("host.no-name", "host", host)
	case errors.Is(err, context.Canceled):
		return ReasonTimedOut, message.New("host.canceled", "host", host)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimedOut, message.New("host.timeout", "host", host)
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return ReasonUnreadable, message.New("host.unreadable-retried", "host", host)
	}
	return ReasonUnreachable, message.New("host.unreachable", "host", host)
}

func ofFailure(host string, f *binding.Failure) (reason string, m message.Message) {
	switch {
	case f.Kind == binding.Throttled:
		return ReasonRateLimited, limited(host)
	case f.Code == ReasonNotJSON:
		return ReasonNotJSON, message.New("host.not-json", "host", host)
	case f.Code == ReasonTooLarge:
		return ReasonTooLarge, message.New("host.too-large", "host", host)
	}
	return ReasonUnreadable, message.New("host.unreadable", "host", host)
}

// Status converts an inconclusive answer to the reason and message of an
// unknown. A 403 may mean that our address is banned, the user is blocked, a
// limit was reached or the role is too low; it is never a no here.
func Status(host string, status int, h http.Header) (reason string, m message.Message) {
	switch {
	case status == http.StatusTooManyRequests, status == http.StatusForbidden && limitReached(h):
		return ReasonRateLimited, limited(host)
	case status >= 300 && status < 400:
		return ReasonRedirected, message.New("host.redirects", "host", host, "to", target(h))
	case status == http.StatusUnauthorized:
		return ReasonTokenRefused, message.New("host.token-refused", "host", host)
	case status == http.StatusForbidden:
		return ReasonForbidden, message.New("host.forbidden", "host", host)
	case status >= 500:
		return ReasonHostFailed, message.New("host.failed", "host", host, "status", status)
	}
	return ReasonUnexpectedStatus, message.New("host.unexpected", "host", host, "status", status)
}

func limited(host string) message.Message { return message.New("host.limited", "host", host) }

// limitReached reports whether headers show that a limit is used up.
func limitReached(h http.Header) bool {
	return h.Get("X-RateLimit-Remaining") == "0" || h.Get("RateLimit-Remaining") == "0" || h.Get("Retry-After") != ""
}

// target returns the host that a redirect leads to, without path and query,
// which may contain anything.
func target(h http.Header) string {
	u, err := url.Parse(h.Get("Location"))
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// RedirectedID returns the ID that a moved project's redirect leads to: the
// last element of Location's path, which must begin with prefix below base. ok
// is false for a Location on a different host than base's. The scheme may
// differ, because a host behind a proxy that ends TLS uses its own. Nothing is
// sent to the Location.
func RedirectedID(base *url.URL, location, prefix string) (id string, ok bool) {
	u, err := base.Parse(location)
	if err != nil || location == "" || !sameHost(u, base) || u.User != nil {
		return "", false
	}
	id, ok = strings.CutPrefix(u.Path, strings.TrimSuffix(base.Path, "/")+prefix)
	if !ok || id == "" || len(id) > 20 || strings.Trim(id, "0123456789") != "" {
		return "", false
	}
	return id, true
}

// sameHost compares hosts, and ports if the schemes are equal.
func sameHost(u, base *url.URL) bool {
	if u.Scheme != "http" && u.Scheme != "https" || !strings.EqualFold(u.Hostname(), base.Hostname()) {
		return false
	}
	return u.Scheme != base.Scheme || binding.Port(u) == binding.Port(base)
}
