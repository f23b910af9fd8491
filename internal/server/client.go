package server

import (
	"context"
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

	"reconciler/internal/binding"
)

const (
	bindingsPath = "/v1alpha1/bindings"
	memoryPath   = "/v1alpha1/memory/"
	maxAnswer    = 64 << 20
)

// ErrNoDaemon says that nothing answers on the socket.
var ErrNoDaemon = errors.New("no daemon answers")

// Client asks a running daemon over its Unix socket. It is safe for concurrent
// use.
type Client struct {
	socket string
	http   http.Client
}

// NewClient makes a client of the daemon that listens on socket.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return &Client{
		socket: socket,
		http:   http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}
}

// Bindings are the daemon's bindings as they stand. Where nothing listens on
// the socket the error is ErrNoDaemon.
func (c *Client) Bindings(ctx context.Context) ([]binding.Status, error) {
	var statuses []binding.Status
	return statuses, c.get(ctx, bindingsPath, &statuses)
}

// Memory is what the daemon remembers of an instance.
func (c *Client) Memory(ctx context.Context, instance string) (Memory, error) {
	var memory Memory
	return memory, c.get(ctx, memoryPath+url.PathEscape(instance), &memory)
}

func (c *Client) get(ctx context.Context, path string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://daemon"+path, http.NoBody)
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreached(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("daemon on socket %s: %w", c.socket, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("daemon on socket %s: %s: %s", c.socket, resp.Status, strings.TrimSpace(string(body)))
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("daemon on socket %s: answer to %s: %w", c.socket, path, err)
	}
	return nil
}

// unreached is the error of a request that got no answer.
func (c *Client) unreached(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w on socket %s; is `reconciler run` running, with the same configuration?", ErrNoDaemon, c.socket)
	}
	return fmt.Errorf("daemon on socket %s: %w", c.socket, err)
}
