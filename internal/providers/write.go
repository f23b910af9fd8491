package providers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

const (
	// maxTries and maxWait limit how often and how long a call is retried.
	maxTries = 5
	maxWait  = 2 * time.Minute
)

// API calls one host's API with one credential, and retries what the host asks
// to send later. It is safe for concurrent use.
type API struct {
	// Client is the guarded client.
	Client *http.Client
	Base   *url.URL
	// Header has the credential.
	Header http.Header
	// Now and Wait are the clock; nil means the real one.
	Now  func() time.Time
	Wait func(context.Context, time.Duration) error
}

// Call sends in as JSON, or no body if in is nil, to path below the base, and decodes a successful answer
// into out, if not nil. It retries after a conflict (409) or a rate limit (429, or Retry-After), because
// such requests had no effect. It does not retry if the answer got lost. Errors are *binding.Failure. They
// contain the host's own reason, but no credential. After a refusal, Call also returns the reply.
func (a *API) Call(ctx context.Context, method, path string, in, out any) (Reply, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return Reply{}, message.NewError("host.write", "why", err)
		}
	}
	for try := 1; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, a.Base.String()+path, bytes.NewReader(body))
		if err != nil {
			return Reply{}, message.NewError("host.make", "why", err)
		}
		req.Header = a.Header.Clone()
		req.Header.Set("Accept", "application/json")
		if in != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		reply, err := Send(a.Client, req, out)
		if err == nil && reply.OK() {
			return reply, nil
		}
		wait, again := a.again(reply, err, try)
		if !again {
			return reply, a.failure(method, reply, err)
		}
		if err := a.wait(ctx, wait); err != nil {
			return reply, err
		}
	}
}

// again reports whether to retry a call, and after what time.
func (a *API) again(reply Reply, err error, try int) (time.Duration, bool) {
	if try >= maxTries {
		return 0, false
	}
	now := time.Now
	if a.Now != nil {
		now = a.Now
	}
	wait := Pause(reply.Status, reply.Header, now())
	if f, ok := errors.AsType[*binding.Failure](err); ok && f.Kind == binding.Throttled {
		wait = f.RetryAfter
	}
	if reply.Status == http.StatusConflict {
		wait = max(wait, time.Second<<(try-1))
	}
	return wait, wait > 0 && wait <= maxWait
}

func (a *API) wait(ctx context.Context, d time.Duration) error {
	if a.Wait != nil {
		return a.Wait(ctx, d)
	}
	return binding.Sleep(ctx, d)
}

func (a *API) failure(method string, reply Reply, err error) error {
	f := &binding.Failure{Kind: binding.Transient, Op: message.New("op.host.call", "method", method), Object: a.Base.Host}
	if err != nil {
		_, m := OfError(a.Base.Host, err)
		f.Err = &message.Error{Message: m}
		return f
	}
	var m message.Message
	f.Code, m = Status(a.Base.Host, reply.Status, reply.Header)
	if f.Code == ReasonUnexpectedStatus && reply.Status >= 400 {
		m = message.New("host.refuses", "host", a.Base.Host, "status", reply.Status)
	}
	if reason := reasonOf(reply.Body, a.Header); reason != "" {
		m = message.New("host.says", "answer", m, "reason", message.Foreign(reason))
	}
	f.Err = &message.Error{Message: m}
	switch {
	case reply.Status == http.StatusUnauthorized, reply.Status == http.StatusForbidden:
		f.Kind, f.Hint = binding.Forbidden, message.New("host.hint.comment")
	case reply.Status == http.StatusNotFound:
		f.Kind, f.Hint = binding.Refused, message.New("host.hint.find")
	case reply.Status == http.StatusRequestEntityTooLarge:
		f.Kind, f.Hint = binding.Refused, message.New("host.hint.long")
	case reply.Status >= 400 && reply.Status < 500:
		f.Kind = binding.Refused
	}
	return f
}

// NotAllowed reports whether the host knows the credential but does not allow
// this call.
func NotAllowed(err error) bool {
	f, ok := errors.AsType[*binding.Failure](err)
	return ok && f.Code == ReasonForbidden
}
