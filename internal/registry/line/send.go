package line

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"

	"reconciler/internal/boundedio"
	"reconciler/internal/message"
)

const (
	// apiVersion is the API version of the Personal Edition.
	apiVersion = "2016-06-07"
	// maxAnswer limits what is read of an answer, in bytes.
	maxAnswer = 4 << 20
	// maxAnswerHeader limits an answer's headers, in bytes.
	maxAnswerHeader = 64 << 10
)

// Call is one call of the API.
type Call struct {
	// Op and Object describe the call in a failure.
	Op     message.Message
	Object string
	// Action is the product's name for the call. It is signed, and has no other
	// effect in ROA style. If Send sends the call, Method only says whether it
	// changes anything; empty means a read.
	Action, Method, Path string
	// Version and RPC are set if the call's API version or style differs from
	// that of the Personal Edition's documented calls.
	Version string
	RPC     bool
	Query   map[string]string
	// Form are parameters that are sent instead of a body.
	Form map[string]string
	Body []byte
	// Reads is true if the call changes nothing, whatever its method is. Other
	// calls are not repeated blindly.
	Reads bool
	// Probe is true if the call only finds out whether it is served.
	Probe bool
	// Secret must not be shown even if the registry repeats it.
	Secret string
	// Send, if not nil, sends the call with the given client. Its result is
	// ignored: the answer is read here, before the vendor's runtime sees it.
	Send func(openapi.Client)
}

// Writes reports whether the call changes anything.
func (c Call) Writes() bool { return c.Method != "" && c.Method != http.MethodGet && !c.Reads }

// exchange is the result of sending a call once.
type exchange struct {
	// touched is true if there was a connection, so that the call may have
	// arrived.
	touched bool
	status  int
	header  http.Header
	body    []byte
	err     error
	// hide has values that must not be shown.
	hide []string
	// waited is how long the limiter delayed the call, and took how long the
	// exchange took.
	waited, took time.Duration
	// unsent is true if the call was cancelled before anything was sent.
	unsent bool
}

// exchangeKey is the context key that passes the exchange through the vendor's
// runtime.
type exchangeKey struct{}

// send waits for the limiter, signs the call and sends it once. The exchange has
// the result. The runtime's own errors are not used, because they may contain
// parts of answers and of proxies' addresses.
func (l *Line) send(ctx context.Context, c Call) *exchange {
	x := &exchange{hide: []string{c.Secret}}
	asked := l.callLimiter.now()
	x.err = l.callLimiter.pass(ctx)
	sent := l.callLimiter.now()
	x.waited = sent.Sub(asked)
	if x.err != nil {
		x.unsent = true
		return x
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	key, err := l.credentials.take(ctx)
	if err != nil {
		x.err, x.unsent = err, true
		return x
	}
	defer func() { x.took = l.callLimiter.now().Sub(sent) }()
	x.hide = append(x.hide, key.secret, key.token)

	// The runtime gets the credential from its client, so each call has its own
	// client.
	client := *l.client
	client.Credential = key.credential()
	if c.Send != nil {
		client.HttpClient = carrier{ctx, x, l.client.HttpClient}
		c.Send(client)
		return x.sent()
	}
	params := &openapiutil.Params{
		Action: new(c.Action), Version: new(cmp.Or(c.Version, apiVersion)), Protocol: new(l.protocol),
		Method: new(c.Method), Pathname: new(c.Path), Style: new("ROA"), AuthType: new("AK"),
		ReqBodyType: new("json"), BodyType: new("none"),
	}
	if c.RPC {
		params.Style = new("RPC")
	}
	request := &openapiutil.OpenApiRequest{Query: map[string]*string{}}
	for k, v := range c.Query {
		request.Query[k] = new(v)
	}
	switch {
	case c.Body != nil:
		request.Body = string(c.Body)
	case c.Form != nil:
		params.ReqBodyType, request.Body = new("formData"), c.Form
	}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	_, _ = client.CallApiWithCtx(ctx, params, request, &dara.RuntimeOptions{})
	return x.sent()
}

// sent returns the exchange, with an error if the runtime did not send the
// call.
func (x *exchange) sent() *exchange {
	if x.err == nil && x.status == 0 {
		x.err = message.NewError("registry.runtime.send")
	}
	return x
}

// carrier passes context and exchange to a request, because the vendor's
// packages accept neither.
type carrier struct {
	ctx  context.Context //nolint:containedctx // It lives for one call.
	x    *exchange
	next dara.HttpClient
}

// Call implements the runtime's HttpClient.
func (c carrier) Call(request *http.Request, transport *http.Transport) (*http.Response, error) {
	return c.next.Call(request.WithContext(context.WithValue(c.ctx, exchangeKey{}, c.x)), transport)
}

// transport sends the runtime's requests. It reads the answer into the exchange
// and returns an empty one to the runtime.
type transport struct{ trips *http.Transport }

// newTransport makes a transport, to be used without an http.Client: a signed
// request is for one host, so no redirect may be followed, and a client would
// put an invalid Location, which may repeat parts of the request, into its
// error. It keeps no connections, because on a kept one net/http may resend a
// read by itself, bypassing the rate limiter and with a used nonce. A nil dial
// uses the network.
func newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error)) transport {
	return transport{&http.Transport{
		DialContext:            dial,
		Proxy:                  proxyOf(http.ProxyFromEnvironment),
		DisableKeepAlives:      true,
		DisableCompression:     true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}}
}

// proxyOf returns the operator's proxy. The original error about a malformed
// address would repeat it, including the password.
func proxyOf(environment func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(request *http.Request) (*url.URL, error) {
		proxy, err := environment(request)
		if err != nil {
			return nil, message.NewError("network.proxy")
		}
		return proxy, nil
	}
}

// Call implements the runtime's HttpClient.
func (t transport) Call(request *http.Request, _ *http.Transport) (*http.Response, error) {
	x, ok := request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, message.NewError("registry.other-way")
	}
	// The runtime sets the proxy's password here, which the API's host could
	// read.
	request.Header.Del("Proxy-Authorization")
	ctx := httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { x.touched = true },
	})
	response, err := t.trips.RoundTrip(request.WithContext(ctx))
	if err != nil {
		x.err = err
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := boundedio.Read(response.Body, maxAnswer)
	if err != nil {
		x.err = err
		return nil, err
	}
	x.status, x.header, x.body = response.StatusCode, response.Header, body
	return &http.Response{
		StatusCode: http.StatusNoContent, Status: "204 No Content",
		Header: http.Header{}, Body: http.NoBody, Request: request,
	}, nil
}
