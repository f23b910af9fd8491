// Package sender sends messages to chat services, mail and webhooks, without
// retries. Text from outside is never interpreted as markup: every service gets
// it in a field that it shows as plain text.
package sender

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Type is a kind of service, as in the configuration.
type Type string

// Types.
const (
	Webhook  Type = "webhook"
	DingTalk Type = "dingtalk"
	Feishu   Type = "feishu"
	WeCom    Type = "wecom"
	Slack    Type = "slack"
	Teams    Type = "teams"
	Email    Type = "email"
)

// Limit is how many bytes of text a message may have. It leaves a margin for
// the format around the text.
func (t Type) Limit() int {
	switch t {
	case WeCom:
		return wecomLimit
	case DingTalk, Feishu, Teams:
		return 12_000 // DingTalk and Feishu accept 20 KB, Teams 28 KB, including the JSON around the text.
	case Slack, Email, Webhook:
	}
	return 30_000
}

// Credential reads a credential for one Send.
type Credential func(context.Context) (secrets.Secret, error)

// Options are the options of a sender. Which of them apply depends on Type.
type Options struct {
	// Name is the name of the receiver.
	Name string
	Type Type
	// URL is the address to send to, and Secret the key of the signature; nil for
	// none.
	URL, Secret Credential
	// Keyword must be in every message.
	Keyword string
	Mail    Mail
	// Client is the guarded HTTP client.
	Client *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// New makes the sender of a type.
func New(o Options) (notify.Sender, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	switch o.Type {
	case Webhook:
		return webhook{o}, nil
	case DingTalk:
		return dingtalk{o}, nil
	case Feishu:
		return feishu{o}, nil
	case WeCom:
		return wecom{o}, nil
	case Slack:
		return slack{o}, nil
	case Teams:
		return teams{o}, nil
	case Email:
		return mailer{o}, nil
	}
	return nil, message.NewError("sender.type", "receiver", o.Name, "type", o.Type)
}

// request is one POST request.
type request struct {
	body any
	// query is added to the URL, and header to the headers. Both may contain
	// secrets.
	query  url.Values
	header http.Header
}

// maxAnswer limits what is read of an answer.
const maxAnswer = 64 << 10

// post sends JSON to the receiver's URL, and returns the body of a successful
// answer. The URL is a secret, so errors name the
// receiver only.
func (o Options) post(ctx context.Context, r request) ([]byte, error) {
	data, err := encode(r.body)
	if err != nil {
		return nil, o.refused("", err)
	}
	secret, err := o.URL(ctx)
	if err != nil {
		return nil, o.failed(binding.Transient, "", message.NewError("sender.url", "why", err))
	}
	defer secret.Wipe()
	u, err := url.Parse(secret.Expose())
	if err != nil || u.Host == "" || !binding.MayGetSecrets(u) {
		return nil, o.refused("BadURL", message.NewError("sender.url-https"))
	}
	query := u.Query()
	maps.Copy(query, r.query)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(data))
	if err != nil {
		return nil, o.refused("BadURL", message.NewError("sender.url-unusable"))
	}
	if r.header != nil {
		req.Header = r.header
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	return o.do(req)
}

// encode writes JSON without escaping < and >, so that the counted size is the
// sent size.
func encode(body any) ([]byte, error) {
	if data, is := body.([]byte); is {
		return data, nil
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

func (o Options) do(req *http.Request) ([]byte, error) {
	resp, err := o.Client.Do(req) //nolint:gosec // The operator names the address, and the client checks it.
	if err != nil {
		// The text of a *url.Error contains the URL.
		if e, is := errors.AsType[*url.Error](err); is {
			err = e.Err
		}
		return nil, o.failed(binding.KindOf(err), "", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, unread := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err := o.verdict(resp.StatusCode, providers.Pause(resp.StatusCode, resp.Header, o.Now())); err != nil {
		return nil, err
	}
	if unread != nil {
		return nil, o.failed(binding.Transient, "", message.NewError("sender.cut"))
	}
	return body, nil
}

// verdict returns the error of an answer's status; nil for 2xx. It shows nothing
// of the body, which may repeat the URL. asked is how long the service asked to
// wait.
func (o Options) verdict(status int, asked time.Duration) error {
	code := fmt.Sprintf("HTTP%d", status)
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status == http.StatusTooManyRequests:
		return o.throttled(code, asked)
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		f := o.failed(binding.Transient, code, message.NewError("sender.failed"))
		f.RetryAfter = asked
		return f
	case status < 400:
		return o.refused(code, message.NewError("sender.redirects"))
	}
	return o.refused(code, message.NewError("sender.refused"))
}

// failed is an error after which to try again.
func (o Options) failed(kind binding.FailureKind, code string, err error) *binding.Failure {
	return &binding.Failure{Kind: kind, Code: code, Op: message.New("op.sender"), Object: o.Name, Err: err}
}

// refused is an error after which somebody has to change something.
func (o Options) refused(code string, err error) *binding.Failure {
	return o.failed(binding.Refused, code, err)
}

// throttled is an error after which the service wants us to wait.
func (o Options) throttled(code string, after time.Duration) *binding.Failure {
	f := o.failed(binding.Throttled, code, message.NewError("sender.limit"))
	f.RetryAfter = after
	return f
}

// outcome converts an error to the result of a Send.
func outcome(err error) (notify.Retry, error) {
	f, is := errors.AsType[*binding.Failure](err)
	switch {
	case err == nil:
		return notify.Retry{}, nil
	case !is:
		return notify.Retry{Again: true}, err
	}
	return notify.Retry{Again: f.Kind != binding.Refused && f.Kind != binding.Forbidden, After: f.RetryAfter}, err
}
