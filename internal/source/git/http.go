package git

import (
	"bytes"
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

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

const (
	uploadPack   = "git-upload-pack"
	infoRefs     = "/info/refs"
	maxRedirects = 5
	// maxRefsBytes limits the list of refs, to about 300,000 refs.
	maxRefsBytes = 32 << 20
	// maxHeaderBytes limits the headers of an answer.
	maxHeaderBytes = 64 << 10
)

// httpRemote speaks git's smart HTTP protocol, version 0. It does not use
// go-git's client, which is installed for the whole process and does not let us
// control redirects, limits and errors.
type httpRemote struct {
	endpoint binding.GitURL
	auth     Auth
	caFile   string

	client *http.Client
	ca     []byte // the authorities that client was built with
}

// open prepares a session. It sends nothing yet.
func (r *httpRemote) open(context.Context) (session, error) {
	if err := r.build(); err != nil {
		return nil, err
	}
	at, err := url.Parse(r.endpoint.String())
	if err != nil {
		return nil, errNotGit
	}
	return &httpSession{remote: r, base: strings.TrimRight(at.String(), "/")}, nil
}

func (r *httpRemote) close() {
	if r.client != nil {
		r.client.CloseIdleConnections()
	}
}

// build makes the client, and makes a new one if the CA file was replaced.
func (r *httpRemote) build() error {
	var ca []byte
	if r.caFile != "" {
		var err error
		if ca, err = readCA(r.caFile); err != nil {
			return err
		}
	}
	if r.client != nil && bytes.Equal(ca, r.ca) {
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if ca != nil {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM(ca) {
			return message.NewError("git.ca-empty", "file", r.caFile)
		}
		config.RootCAs = pool
	}
	r.close()
	r.ca = ca
	r.client = &http.Client{
		CheckRedirect: checkRedirect,
		Transport: readable{&http.Transport{
			Proxy:                  proxy,
			DialContext:            (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSClientConfig:        config,
			TLSHandshakeTimeout:    15 * time.Second,
			ExpectContinueTimeout:  time.Second,
			IdleConnTimeout:        90 * time.Second,
			MaxIdleConns:           2,
			MaxResponseHeaderBytes: maxHeaderBytes,
			ForceAttemptHTTP2:      true,
			// A connection that stays open must not keep the sent password.
			// HTTP/2 would keep it, to refer to the header by number.
			HTTP2: &http.HTTP2Config{MaxEncoderHeaderTableSize: 1},
		}},
	}
	return nil
}

// proxy is the operator's proxy from the environment, as for git itself. The
// original error about a malformed address would repeat it, including the
// password.
func proxy(req *http.Request) (*url.URL, error) {
	u, err := http.ProxyFromEnvironment(req)
	if err != nil {
		return nil, message.NewError("network.proxy")
	}
	return u, nil
}

func readCA(path string) ([]byte, error) {
	data, err := boundedio.ReadFile(path, maxSecretBytes)
	if err != nil {
		return nil, message.NewError("git.ca-file", "why", err)
	}
	return data, nil
}

// redirectError says why a redirect was refused. It names only the target's
// host, because the URL may contain a secret.
type redirectError struct {
	why message.Message
	to  string
}

func (e *redirectError) Error() string { return message.English(e.AsMessage()) }

func (e *redirectError) AsMessage() message.Message {
	if e.to == "" {
		return message.New("git.redirected", "why", e.why)
	}
	return message.New("git.redirect-to", "to", e.to, "why", e.why)
}

// readable refuses a redirect with an invalid address, because the error of
// net/http would repeat the address.
type readable struct{ *http.Transport }

func (t readable) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := t.Transport.RoundTrip(req)
	if err != nil || res.StatusCode < 300 || res.StatusCode > 399 {
		return res, err
	}
	if _, err = res.Location(); err == nil {
		return res, nil
	}
	_ = res.Body.Close()
	why := message.New("git.redirect.unreadable")
	if errors.Is(err, http.ErrNoLocation) {
		why = message.New("git.redirect.nowhere")
	}
	return nil, &redirectError{why: why}
}

// checkRedirect allows a redirect of the first request to the same scheme and
// host, which hosts use to correct a path, and refuses all others, so that
// credentials are sent only to their host.
func checkRedirect(req *http.Request, via []*http.Request) error {
	first := via[0]
	var why message.Message
	switch {
	case !sameHost(req.URL, first.URL):
		why = message.New("git.redirect.host")
	case req.URL.Scheme != first.URL.Scheme:
		why = message.New("git.redirect.scheme")
	case req.URL.User != nil:
		why = message.New("git.redirect.credentials")
	case first.Method != http.MethodGet:
		why = message.New("git.redirect.method")
	case len(via) > maxRedirects:
		why = message.New("git.redirect.too-many", "limit", maxRedirects)
	default:
		return nil
	}
	return &redirectError{why, req.URL.Scheme + "://" + req.URL.Host}
}

// sameHost reports whether two URLs lead to the same host, and to the same port
// where they have the same scheme. The scheme's default port may be written
// explicitly.
func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && (a.Scheme != b.Scheme || binding.Port(a) == binding.Port(b))
}

// statusError is an HTTP status that is not 200.
type statusError struct {
	status int
	after  time.Duration
}

func (e *statusError) Error() string { return message.English(e.AsMessage()) }

func (e *statusError) AsMessage() message.Message {
	return message.New("git.status", "status", e.status, "text", message.Foreign(http.StatusText(e.status)))
}

// errNotGit means that the other side does not use the git protocol.
var errNotGit = message.NewError("git.not-git")

type httpSession struct {
	remote *httpRemote
	base   string
}

func (s *httpSession) advertisement(ctx context.Context) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+infoRefs+"?service="+uploadPack, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.do(req, "application/x-git-upload-pack-advertisement")
	if err != nil {
		return nil, err
	}
	base, ok := strings.CutSuffix(res.Request.URL.EscapedPath(), infoRefs)
	if !ok {
		_ = res.Body.Close()
		return nil, errNotGit
	}
	s.base = res.Request.URL.Scheme + "://" + res.Request.URL.Host + base
	return res.Body, nil
}

func (s *httpSession) request(ctx context.Context, body []byte) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/"+uploadPack, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-git-upload-pack-request")
	res, err := s.do(req, "application/x-git-upload-pack-result")
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

// do sends a request with our credentials, and accepts only an answer of the
// wanted type.
func (s *httpSession) do(req *http.Request, want string) (*http.Response, error) {
	user, password, ok, err := s.remote.auth.basic()
	if err != nil {
		return nil, err
	}
	if ok {
		req.SetBasicAuth(user, string(password))
		clear(password)
	}
	req.Header.Set("User-Agent", "git/reconciler")
	req.Header.Set("Accept", want)
	res, err := s.remote.client.Do(req)
	if err != nil {
		// The error of net/http repeats the URL, also that of a redirect.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return nil, err
	}
	switch {
	case res.StatusCode != http.StatusOK:
		asked, _ := binding.AskedPause(res.Header.Get("Retry-After"), res.Header.Get("Date"), time.Now())
		err = &statusError{res.StatusCode, asked}
	case !isType(res.Header.Get("Content-Type"), want):
		err = errNotGit
	default:
		return res, nil
	}
	_ = res.Body.Close()
	return nil, err
}

// isType reports whether a Content-Type is the wanted one, ignoring parameters,
// as git does.
func isType(header, want string) bool {
	got, _, _ := strings.Cut(header, ";")
	return strings.EqualFold(strings.TrimSpace(got), want)
}

func (*httpSession) close() {}
