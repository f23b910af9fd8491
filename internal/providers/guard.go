package providers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/time/rate"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// Default limits of the guarded client.
const (
	defaultConnectTimeout = 5 * time.Second
	defaultTimeout        = 15 * time.Second
	defaultMaxBytes       = 1 << 20
	defaultRate           = 5
	defaultBurst          = 20
	// maxHeaderBytes limits the headers of an answer. Go's own limit is 10 MiB.
	maxHeaderBytes = 64 << 10
)

// Options are the options of the guarded client. The zero value is right for
// production.
type Options struct {
	// ConnectTimeout limits connecting, and Timeout the whole exchange from the
	// dial to the last byte, without the wait for the limiter. Zero means 5 and
	// 15 seconds.
	ConnectTimeout, Timeout time.Duration
	// MaxBytes limits the body of an answer; zero means 1 MiB.
	MaxBytes int64
	// RequestsPerSecond and Burst are the rate limit for each pair of host and
	// credential. Zero means 5 and 20, below GitLab's 400 a minute for
	// projects.
	RequestsPerSecond float64
	Burst             int
	// Proxy is a configured HTTP proxy; nil means none, whatever the
	// environment says. The proxy's own address is not checked. The proxy
	// resolves names, so it must refuse private addresses itself.
	Proxy *url.URL
	// RootCAs are the root certificates to trust; nil means the system's.
	RootCAs *x509.CertPool
	// AllowPrivate allows connections to addresses that are not public. Only
	// the sandbox and tests set it.
	AllowPrivate bool
	// AnyContent accepts answers of status 2xx that are not JSON, for services
	// whose status is the answer.
	AnyContent bool
	// Dial redirects connections to a "host:port" to another address, which is
	// not checked. Only the sandbox and tests set it.
	Dial map[string]string
	// DialContext opens connections; nil uses the network. Only tests set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Now is the clock for Retry-After; nil is time.Now.
	Now func() time.Time
	// Observe, if not nil, is called after every request. Several goroutines
	// call it at once, and it must not block.
	Observe func(Exchange)
}

// Exchange is one request, for metrics. It names neither host nor path.
type Exchange struct {
	// Status is the status of the answer; 0 if there was none.
	Status int
	// Unsent is true if the request ended while the limiter delayed it.
	Unsent bool
	// Waited is how long the limiter delayed the request. Took is the time from
	// then to the headers of the answer, including the wait for other requests
	// that find out whether the host answers.
	Waited, Took time.Duration
}

// NewHTTPClient makes the client that providers use. It follows no redirect,
// because a standard client could send a token to another host. It connects
// only to public addresses, and checks the resolved address that it dials. It
// uses no proxy from the environment, limits time and size, refuses answers of
// status 2xx that are not JSON, respects Retry-After and rate-limit headers,
// and has one rate limiter for each pair of host and credential. It does not
// retry: the caller's loop does. Its own refusals are *binding.Failure. It is
// safe for concurrent use.
func NewHTTPClient(o Options) *http.Client {
	o = withDefaults(o)
	connect := newConnector(dialer(o), o.Now)
	base := &http.Transport{
		DialContext:            connect.dial,
		TLSClientConfig:        &tls.Config{RootCAs: o.RootCAs, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    o.ConnectTimeout,
		ResponseHeaderTimeout:  o.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ForceAttemptHTTP2:      true,
		// An HTTP/2 connection remembers sent headers, to refer to them by
		// number the next time. A token must not outlive its call there, so the
		// table is too small for one.
		HTTP2:               &http.HTTP2Config{MaxEncoderHeaderTableSize: 1},
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     time.Minute,
	}
	if o.Proxy != nil {
		base.Proxy = http.ProxyURL(o.Proxy)
	}
	return &http.Client{
		Transport: &guard{
			base: base, connect: connect, proxy: o.Proxy, timeout: o.Timeout, maxBytes: o.MaxBytes, anyContent: o.AnyContent,
			pace: newPace(rate.Limit(o.RequestsPerSecond), o.Burst, o.Now), observe: o.Observe,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// NewDialer opens connections as the guarded client does, for mail, which is
// not HTTP.
func NewDialer(o Options) func(ctx context.Context, network, address string) (net.Conn, error) {
	return dialer(withDefaults(o))
}

func withDefaults(o Options) Options {
	if o.ConnectTimeout <= 0 {
		o.ConnectTimeout = defaultConnectTimeout
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.RequestsPerSecond <= 0 {
		o.RequestsPerSecond = defaultRate
	}
	if o.Burst <= 0 {
		o.Burst = defaultBurst
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(Exchange) {}
	}
	return o
}

// dialer connects to public addresses. It checks the resolved address just
// before connecting, so that a name that resolves differently the second time
// is no way around the check.
func dialer(o Options) dialFunc {
	checked := &net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: 30 * time.Second}
	if !o.AllowPrivate {
		checked.Control = ssrf.New(ssrf.WithAnyPort()).Safe
	}
	open, guarded := (&net.Dialer{Timeout: o.ConnectTimeout, KeepAlive: 30 * time.Second}).DialContext, checked.DialContext
	if o.DialContext != nil {
		open, guarded = o.DialContext, o.DialContext
	}
	proxy := ""
	if o.Proxy != nil {
		proxy = binding.HostPort(o.Proxy)
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if to, ok := o.Dial[address]; ok {
			return open(ctx, network, to)
		}
		if address == proxy {
			return open(ctx, network, address)
		}
		conn, err := guarded(ctx, network, address)
		if err != nil {
			return nil, message.NewError("host.connect", "address", address, "why", err)
		}
		return conn, nil
	}
}
