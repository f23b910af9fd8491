// Package client asks a running daemon, over its Unix socket or over TLS. It
// declares the paths and requests of the daemon's API, which package server
// serves.
package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// maxAnswer has room for all about a hundred thousand bindings.
	maxAnswer = 1 << 30
	// askTimeout bounds a question that is answered at once.
	askTimeout = 10 * time.Second
)

// ErrNoDaemon says that nothing answers on the socket.
var ErrNoDaemon = errors.New("no daemon answers")

// Client asks a running daemon, over its Unix socket or over TLS. It follows no
// redirect. It is safe for concurrent use.
type Client struct {
	// base is where paths start, and name what errors call the daemon.
	base, name string
	// token gives the token to send; nil where none is needed.
	token func() (string, error)
	http  http.Client
}

// stay follows no redirect: the token is for the daemon alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// New makes a client of the daemon that listens on socket.
func New(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{
		base: "http://daemon", name: "socket " + socket,
		http: http.Client{CheckRedirect: stay, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}
}

// NewTLS makes a client of the daemon at address, an https URL of host
// and port and nothing else. It sends what token gives, and trusts roots; those
// of the system for nil.
func NewTLS(address string, token func() (string, error), roots *x509.CertPool) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		return nil, errors.New("the daemon's address is https://HOST:PORT and nothing else")
	case u.Scheme != "https":
		return nil, errors.New("the daemon's address has to be https: anybody on the way could read the token")
	}
	return &Client{
		base: "https://" + u.Host, name: u.Host, token: token,
		http: http.Client{CheckRedirect: stay, Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: askTimeout,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		}},
	}, nil
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	return c.call(ctx, http.MethodGet, path, nil, out, askTimeout)
}

// post sends a request that changes something, for whose answer the daemon
// takes up to limit.
func (c *Client) post(ctx context.Context, path string, in, out any, limit time.Duration) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	return c.call(ctx, http.MethodPost, path, body, out, limit+AnswerMargin)
}

func (c *Client) call(ctx context.Context, method, path string, body []byte, out any, limit time.Duration) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != nil {
		token, err := c.token()
		if err != nil {
			return fmt.Errorf("daemon: %w", err)
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
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("daemon on %s: %w", c.name, err)
	}
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusConflict:
		return errors.New(strings.TrimSpace(string(text)))
	default:
		return fmt.Errorf("daemon on %s: %s: %s", c.name, resp.Status, strings.TrimSpace(string(text)))
	}
	if raw, ok := out.(*json.RawMessage); ok {
		*raw = text // As it was sent.
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("daemon on %s: answer to %s: %w", c.name, path, err)
	}
	return nil
}

// unreached is the error of a request that got no answer.
func (c *Client) unreached(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w on %s; is `reconciler run` running, with the same configuration?", ErrNoDaemon, c.name)
	}
	return fmt.Errorf("daemon on %s: %w", c.name, err)
}
