package personal

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"reconciler/internal/boundedio"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	"github.com/alibabacloud-go/tea/dara"
)

const (
	// apiVersion is the Personal Edition's.
	apiVersion = "2016-06-07"
	// maxAnswer bounds what is read of an answer, in bytes.
	maxAnswer = 4 << 20
	// maxAnswerHeader bounds an answer's header, in bytes.
	maxAnswerHeader = 64 << 10
)

// call is one call of the API.
type call struct {
	// op and object are the words of errors.
	op, object string
	// action is the product's name for the call; it is signed, and nothing
	// else hangs on it in ROA style.
	action, method, path string
	// version and rpc are set for calls of another API version or style than the
	// documented ones have.
	version string
	rpc     bool
	query   map[string]string
	// form are parameters that are sent instead of a body.
	form map[string]string
	body []byte
	// reads says that the call changes nothing, whatever its method is.
	reads bool
	// probe says that the call asks only whether it is served, onImage that it is
	// about an image repository.
	probe, onImage bool
	// unprobed says that no harmless call can ask whether it is served.
	unprobed bool
	// secret must not be shown even where the other side repeats it.
	secret string
	// send, if not nil, sends the call through a client of its own (see Line);
	// then method only says whether the call changes anything.
	send func(openapi.Client)
}

// write says whether the call changes anything.
func (c call) write() bool { return c.method != http.MethodGet && !c.reads }

// exchange is what came of sending a call once.
type exchange struct {
	// touched says that a connection stood, so that the call may have arrived.
	touched bool
	status  int
	header  http.Header
	body    []byte
	err     error
	// hide are values that must not be shown.
	hide []string
	// waited is how long the gate delayed it, took the exchange itself.
	waited, took time.Duration
	// unsent says that it was given up before anything was sent.
	unsent bool
}

// exchangeKey is the context key under which the exchange travels through the
// vendor's runtime.
type exchangeKey struct{}

// line is the only way to the API. It holds the one client there is and the
// gate before it.
type line struct {
	client      *openapi.Client
	credentials *credentialSource
	protocol    string
	timeout     time.Duration
	gate        *gate
	observe     func(Attempt)
}

func newWire(o Options) (*line, error) {
	source, err := newCredentialSource(o.Credentials)
	if err != nil {
		return nil, err
	}
	protocol, host, err := o.target()
	if err != nil {
		return nil, err
	}
	config := &openapiutil.Config{
		Endpoint: new(host), Protocol: new(protocol),
		UserAgent: new("reconciler"), HttpClient: newTransport(o.DialContext),
	}
	if o.Region != "" {
		config.RegionId = new(o.Region)
	}
	if o.Signature == V2 {
		config.SignatureAlgorithm = new(string(V2))
	}
	client, err := openapi.NewClient(config)
	if err != nil {
		return nil, errors.New("the vendor's runtime did not start")
	}
	return &line{client, source, protocol, o.Timeout, newGate(o), o.Observe}, nil
}

// send waits for the gate, signs the call and sends it once. The exchange has
// the result. The runtime's own errors are not used, because they may contain
// parts of answers and of proxies' addresses.
func (w *line) send(ctx context.Context, c call) *exchange {
	x := &exchange{hide: []string{c.secret}}
	asked := w.gate.now()
	x.err = w.gate.pass(ctx)
	sent := w.gate.now()
	x.waited = sent.Sub(asked)
	if x.err != nil {
		x.unsent = true
		return x
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	key, err := w.credentials.take(ctx)
	if err != nil {
		x.err, x.unsent = err, true
		return x
	}
	defer func() { x.took = w.gate.now().Sub(sent) }()
	x.hide = append(x.hide, key.secret, key.token)

	// The runtime asks its client for the credential; each call has its own.
	client := *w.client
	client.Credential = key.credential()
	if c.send != nil {
		client.HttpClient = carrier{ctx, x, w.client.HttpClient}
		c.send(client)
		return x.sent()
	}
	params := &openapiutil.Params{
		Action: new(c.action), Version: new(cmp.Or(c.version, apiVersion)), Protocol: new(w.protocol),
		Method: new(c.method), Pathname: new(c.path), Style: new("ROA"), AuthType: new("AK"),
		ReqBodyType: new("json"), BodyType: new("none"),
	}
	if c.rpc {
		params.Style = new("RPC")
	}
	request := &openapiutil.OpenApiRequest{Query: map[string]*string{}}
	for k, v := range c.query {
		request.Query[k] = new(v)
	}
	switch {
	case c.body != nil:
		request.Body = string(c.body)
	case c.form != nil:
		params.ReqBodyType, request.Body = new("formData"), c.form
	}
	ctx = context.WithValue(ctx, exchangeKey{}, x)
	_, _ = client.CallApiWithCtx(ctx, params, request, &dara.RuntimeOptions{})
	return x.sent()
}

// sent notes that the runtime did not send the call.
func (x *exchange) sent() *exchange {
	if x.err == nil && x.status == 0 {
		x.err = errors.New("the vendor's runtime did not send the call; check the proxy's settings in the environment")
	}
	return x
}

// carrier gives a request its context and its exchange. The vendor's packages of
// an API version take neither.
type carrier struct {
	ctx  context.Context //nolint:containedctx // It lives for one call.
	x    *exchange
	next dara.HttpClient
}

// Call implements the runtime's HttpClient.
func (c carrier) Call(request *http.Request, transport *http.Transport) (*http.Response, error) {
	return c.next.Call(request.WithContext(context.WithValue(c.ctx, exchangeKey{}, c.x)), transport)
}

// transport carries the runtime's requests. It reads the answer into the
// exchange and gives the runtime an empty one.
type transport struct{ trips *http.Transport }

// newTransport makes a transport without a client around it: a signed request
// is for one host, so no redirect is followed, and a client would put a
// Location that it cannot parse, with all that an answer may repeat of the
// request, into its error. It keeps no connection: on a kept one net/http may
// send a read a second time by itself, past the rate limiter and with a nonce
// already used. dial is nil for the network.
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

// proxyOf is the operator's proxy. The error for a malformed address would
// repeat it, password included.
func proxyOf(environment func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(request *http.Request) (*url.URL, error) {
		proxy, err := environment(request)
		if err != nil {
			return nil, errors.New("the proxy address in the environment cannot be read")
		}
		return proxy, nil
	}
}

// Call implements the runtime's HttpClient.
func (t transport) Call(request *http.Request, _ *http.Transport) (*http.Response, error) {
	x, ok := request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("registry: a request came by another way than send")
	}
	// The runtime puts the proxy's password in here, for the API's host to
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
