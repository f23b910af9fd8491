package providers

import (
	"context"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"golang.org/x/net/idna"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/trace"
)

// userAgent is sent if the caller set none. GitHub refuses requests without
// one.
const userAgent = "reconciler"

// guard is the transport of the guarded client.
type guard struct {
	base     http.RoundTripper
	connect  *connector
	proxy    *url.URL
	timeout  time.Duration
	maxBytes int64
	// anyContent accepts answers that are not JSON.
	anyContent bool
	pace       *pace
	observe    func(Exchange)
}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	slot := g.pace.slot(req)
	asked := g.pace.now()
	err := g.pace.wait(req.Context(), slot, req.URL.Host)
	begun := g.pace.now()
	exchange := Exchange{Waited: begun.Sub(asked), Unsent: err != nil}
	defer func() { g.observe(exchange) }()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), g.timeout)
	sent := req.Clone(ctx)
	if sent.Header.Get("User-Agent") == "" {
		sent.Header.Set("User-Agent", userAgent)
	}
	_, span := trace.Start(req.Context(), "http", "host", req.URL.Host)
	resp, err := g.send(sent)
	span.Answered(resp)
	exchange.Took = g.pace.now().Sub(begun)
	if err != nil {
		cancel()
		if req.Context().Err() == nil && notConnected(err) {
			g.pace.failed(slot, err)
		}
		return nil, err
	}
	exchange.Status = resp.StatusCode
	g.pace.notePause(slot, resp)
	// The answer refers to the caller's own request, so that later steps do not
	// depend on our deadline.
	resp.Request = req
	resp.Body = &boundedBody{body: resp.Body, left: g.maxBytes, cancel: cancel, host: req.URL.Host}
	if err := jsonOnly(resp); err != nil && !g.anyContent {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// send sends a request once its host is known to answer, or if it is one of those
// that find out.
func (g *guard) send(req *http.Request) (*http.Response, error) {
	to := req.URL
	if g.proxy != nil {
		to = g.proxy
	}
	done, err := g.connect.ask(req.Context(), dialled(to))
	if err != nil && g.proxy != nil && req.Context().Err() == nil {
		err = &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} // as the transport reports it: not the host's failure
	}
	if err != nil {
		return nil, err
	}
	defer done()
	return g.base.RoundTrip(req)
}

// dialled is the address that the transport connects to for a URL: international
// names are dialled in Punycode.
func dialled(to *url.URL) string {
	host := to.Hostname()
	if strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) {
		if ascii, err := idna.Lookup.ToASCII(host); err == nil {
			host = ascii
		}
	}
	return net.JoinHostPort(host, binding.Port(to))
}

// jsonOnly rejects a successful answer that is not JSON, such as a sign-in page
// or a captive portal. Answers with another status may be plain text (GitLab's
// 429, Bitbucket's 401); their status identifies them.
func jsonOnly(resp *http.Response) error {
	if resp.StatusCode < 200 || resp.StatusCode > 299 || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if IsJSON(resp.Header) {
		return nil
	}
	return &binding.Failure{
		Kind: binding.Unreadable, Code: ReasonNotJSON, Op: message.New("op.host.read"), Object: resp.Request.URL.Host,
		Hint: message.New("host.other-api"),
	}
}

// IsJSON reports whether the headers announce a JSON body.
func IsJSON(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// boundedBody returns an error after its limit, and ends the exchange's
// deadline when it is closed.
type boundedBody struct {
	body   io.ReadCloser
	left   int64
	cancel context.CancelFunc
	host   string
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		if n, err := b.body.Read(make([]byte, 1)); n == 0 && err != nil {
			return 0, err
		}
		return 0, &binding.Failure{
			Kind: binding.Unreadable, Code: ReasonTooLarge, Op: message.New("op.host.read"), Object: b.host,
			Err: message.NewError("host.large"),
		}
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	b.left -= int64(n)
	return n, err
}

func (b *boundedBody) Close() error {
	err := b.body.Close()
	b.cancel()
	return err
}
