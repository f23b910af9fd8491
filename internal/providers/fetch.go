package providers

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"reconciler/internal/message"
)

// maxErrorBody limits what is kept of an error body.
const maxErrorBody = 16 << 10

// Reply is a host's answer to one request.
type Reply struct {
	Status int
	Header http.Header
	// Body is the beginning of an error body, for its error code. It may echo
	// what was sent and is never shown.
	Body []byte
}

// OK reports whether the answer is a success and was decoded.
func (r Reply) OK() bool { return r.Status >= 200 && r.Status < 300 }

// Get sends a GET request with the guarded client and decodes a successful
// answer into out. An error status is not an error. Get does not change header.
func Get(ctx context.Context, client *http.Client, address string, header http.Header, out any) (Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return Reply{}, message.NewError("host.request", "why", err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept", "application/json")
	return Send(client, req, out)
}

// Send sends req with the guarded client and decodes a successful answer into
// out, if out is not nil.
func Send(client *http.Client, req *http.Request, out any) (Reply, error) {
	resp, err := client.Do(req) //nolint:gosec // The guarded client decides which addresses are dialed.
	if err != nil {
		return Reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	reply := Reply{Status: resp.StatusCode, Header: resp.Header}
	if !reply.OK() {
		reply.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
		if err != nil {
			return reply, message.NewError("host.read", "why", err)
		}
		return reply, nil
	}
	if out == nil {
		return reply, nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return reply, message.NewError("host.decode", "why", err)
	}
	return reply, nil
}
