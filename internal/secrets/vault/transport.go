package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/trace"
)

const (
	// maxBody limits an answer, in bytes.
	maxBody = 4 << 20
	// maxReads limits the reads in flight, and so the connections, because
	// thousands of instances may begin at once.
	maxReads = 64
	// maxRetries is how often a read is repeated after a broken connection or
	// an answer 412.
	maxRetries = 2
	// minRetryWait and maxRetryWait are the limits of the pause before a retry.
	minRetryWait, maxRetryWait = 100 * time.Millisecond, 300 * time.Millisecond
)

// newAPI makes the api client without a token. It takes nothing from the
// environment, whatever the api package's own defaults are.
func newAPI(o Options) (*api.Client, error) {
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	config := &api.Config{
		Address:      o.Address,
		HttpClient:   &http.Client{Transport: transport, CheckRedirect: keepRedirect},
		MinRetryWait: minRetryWait,
		MaxRetryWait: maxRetryWait,
		MaxRetries:   maxRetries,
		CheckRetry:   shouldRetry,
		// A node that lags behind answers 412.
		ReadYourWrites: true,
	}
	client, err := api.NewClient(config)
	if err != nil {
		return nil, message.NewError("vault.client", "why", err)
	}
	client.SetHeaders(http.Header{api.RequestHeaderName: {"true"}})
	client.ClearToken()
	return client.WithNamespace(o.Namespace), nil
}

// keepRedirect passes redirects to the api package, which follows one.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// shouldRetry repeats a request that changed nothing: a read without an answer,
// and one that a lagging node answered with 412.
func shouldRetry(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil {
		return false, message.NewError("vault.given-up", "why", ctx.Err())
	}
	if resp != nil {
		return resp.StatusCode == http.StatusPreconditionFailed, nil
	}
	broken, ok := errors.AsType[*url.Error](err)
	if !ok || broken.Op != "Get" {
		return false, nil
	}
	var (
		redirect *redirectError
		verify   *tls.CertificateVerificationError
	)
	return !errors.As(err, &redirect) && !errors.As(err, &verify), nil
}

// newTransport makes the HTTP transport, with its own root certificates and
// time limits and without a proxy.
func newTransport(o Options) (*guard, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: o.ServerName}
	if o.CAFile != "" {
		pool, err := roots(o.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if o.ClientCertFile != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(o.ClientCertFile, o.ClientKeyFile)
			if err != nil {
				return nil, message.NewError("vault.certificate-file", "file", o.ClientCertFile, "why", err)
			}
			return &pair, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	dial := o.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	g := &guard{hosts: map[string]bool{}, observe: o.Observe, now: o.Now, inner: &http.Transport{
		DialContext:            dial,
		TLSClientConfig:        config,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  o.Timeout,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    maxReads,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true,
	}}
	for _, address := range append([]string{o.Address}, o.Peers...) {
		if u, err := url.Parse(address); err == nil {
			g.hosts[hostPort(u)] = true
		}
	}
	return g, nil
}

// roots returns the machine's root certificates and those of a file.
func roots(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	pem, err := boundedio.ReadFile(file, maxCertificates)
	if err != nil {
		return nil, message.NewError("vault.authorities", "why", err)
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, message.NewError("vault.no-authority", "file", file)
	}
	return pool, nil
}

// guard wraps the transport: it limits the size of answers, and allows
// redirects only to hosts that the configuration names. The api package would
// follow a redirect anywhere, with the token.
type guard struct {
	inner   http.RoundTripper
	hosts   map[string]bool
	observe func(Exchange)
	now     func() time.Time
}

// redirectError is a redirect to a host that the configuration does not name.
type redirectError struct{ host string }

func (e *redirectError) Error() string { return message.English(e.AsMessage()) }

func (e *redirectError) AsMessage() message.Message {
	return message.New("vault.redirected", "host", e.host)
}

func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := g.now()
	ctx, span := trace.Start(r.Context(), "vault", "operation", operation(r.URL.Path))
	resp, err := g.inner.RoundTrip(r.WithContext(ctx))
	span.Answered(resp)
	exchange := Exchange{Operation: operation(r.URL.Path), Took: g.now().Sub(begun)}
	if resp != nil {
		exchange.Status = resp.StatusCode
	}
	g.observe(exchange)
	if err != nil {
		return nil, err //nolint:wrapcheck // A RoundTripper returns the transport's error unchanged.
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 && resp.Header.Get("Location") != "" {
		to, err := resp.Location()
		if err != nil || !g.hosts[hostPort(to)] || (r.URL.Scheme == "https" && to.Scheme != "https") {
			_ = resp.Body.Close()
			host := ""
			if err == nil {
				host = to.Scheme + "://" + to.Host
			}
			return nil, &redirectError{host}
		}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxBody), resp.Body}
	return resp, nil
}

// hostPort is a URL's host, in lower case, with its port.
func hostPort(u *url.URL) string { return strings.ToLower(binding.HostPort(u)) }

// operation returns the operation of a path, one of a fixed set of words.
func operation(path string) string {
	path = strings.TrimPrefix(path, "/v1/")
	method, isAuth := strings.CutPrefix(path, "auth/")
	switch {
	case isAuth && method == "token/renew-self":
		return "renew"
	case isAuth && method == "token/revoke-self":
		return "revoke"
	case isAuth && method == "token/lookup-self":
		return "lookup"
	case isAuth && strings.HasSuffix(method, "/login"):
		return "login"
	case strings.HasPrefix(path, "sys/wrapping/"):
		return "unwrap"
	case strings.HasPrefix(path, "sys/internal/ui/mounts/"):
		return "mounts"
	case path == "sys/health":
		return "health"
	}
	return "read"
}
