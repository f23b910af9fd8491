// Package client is the client of a running daemon, over its Unix socket or
// over TLS. It declares the paths and requests of the daemon's API, which
// package server serves.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"reconciler/internal/message"
)

const (
	// maxAnswer is enough for everything about a hundred thousand bindings.
	maxAnswer = 1 << 30
	// askTimeout limits a request that is answered at once.
	askTimeout = 10 * time.Second
)

// ErrNoDaemon means that nothing answers on the socket.
var ErrNoDaemon = message.NewError("daemon.none")

// Client sends requests to a running daemon, over its Unix socket or over TLS.
// It follows no redirect. It is safe for concurrent use.
type Client struct {
	// base is the prefix of all URLs, and name is what errors call the daemon.
	base string
	name message.Message
	// token returns the token to send; nil if none is needed.
	token func() (string, error)
	http  http.Client
}

// noRedirect follows no redirect, because the token is for the daemon alone.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// New makes a client of the daemon that listens on socket.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{
		base: "http://daemon", name: message.New("daemon.socket", "path", socket),
		http: http.Client{CheckRedirect: noRedirect, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}
}

// NewTLS makes a client of the daemon at address, an https URL of host and port
// and nothing else. It sends the token that token returns, and trusts roots;
// nil means the system's roots.
func NewTLS(address string, token func() (string, error), roots *x509.CertPool) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, message.NewError("daemon.address")
	case u.Scheme != "https":
		return nil, message.NewError("daemon.not-https")
	}
	return &Client{
		base: "https://" + u.Host, name: message.Verbatim(u.Host), token: token,
		http: http.Client{CheckRedirect: noRedirect, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: askTimeout,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		}},
	}, nil
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, out, askTimeout)
}

// post sends a request that changes something. The daemon takes up to limit to
// answer.
func (c *Client) post(ctx context.Context, path string, in, out any, limit time.Duration) error {
	body, err := json.Marshal(in)
	if err != nil {
		return message.NewError("daemon.of", "why", err)
	}
	return c.call(ctx, http.MethodPost, path, body, out, limit+AnswerMargin)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, out any, limit time.Duration) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return message.NewError("daemon.of", "why", err)
	}
	req.Header.Set("Accept", "application/json, "+ProblemType)
	list, listed := out.(*statusList)
	if listed && list.rows {
		req.Header.Set("Accept", RowsType+", application/json, "+ProblemType)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return message.NewError("daemon.of", "why", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	patient := c.http
	patient.Timeout = limit
	resp, err := patient.Do(req)
	if err != nil {
		return c.unreached(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer := io.LimitReader(resp.Body, maxAnswer)
	if listed && resp.StatusCode == http.StatusOK {
		if err := list.read(answer, resp.Header.Get("Content-Type")); err != nil {
			return c.failed(message.NewError("daemon.answer", "path", path, "why", err))
		}
		return nil
	}
	text, err := io.ReadAll(answer)
	if err != nil {
		return c.failed(err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusConflict:
		return answeredError(resp, text)
	default:
		return c.failed(message.Within(message.Foreign(resp.Status), answeredError(resp, text)))
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = text // Unchanged.
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return c.failed(message.NewError("daemon.answer", "path", path, "why", err))
	}
	return nil
}

// unreached is the error of a request that got no answer.
func (c *Client) unreached(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return message.NewError("daemon.unreached", "why", ErrNoDaemon, "name", c.name)
	}
	return c.failed(err)
}

// failed adds to an error which daemon it is about.
func (c *Client) failed(err error) error {
	return message.NewError("daemon.on", "name", c.name, "why", err)
}
