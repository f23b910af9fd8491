package line

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/trace"
)

// attempts is how often a call is sent at most: once, and three retries.
const attempts = 4

// errUnserved marks a call that the endpoint does not serve.
var errUnserved = message.NewError("registry.unserved")

// errRefused marks a call that the endpoint serves but refuses: to this identity,
// or with these parameters.
var errRefused = message.NewError("registry.refused")

// Do makes a call and returns the body of a successful answer. An error is a
// *binding.Failure. It retries reads after transient failures, and writes only
// after throttling, which means that nothing was done.
func (l *Line) Do(ctx context.Context, c Call) ([]byte, error) {
	x, f := l.exchange(ctx, c)
	if f != nil {
		return nil, f
	}
	return x.body, nil
}

// exchange is like Do, but returns the whole exchange.
func (l *Line) exchange(ctx context.Context, c Call) (*exchange, *binding.Failure) {
	for attempt := 1; ; attempt++ {
		calling, span := trace.Start(ctx, "registry", "operation", c.Action, "attempt", strconv.Itoa(attempt))
		x := l.send(calling, c)
		f := l.classify(c, x)
		if e, ok := x.open(); ok {
			request := safeCode(e.RequestID, x.hide)
			span.Set("request", request)
			if c.Writes() && !c.Probe {
				registry.NoteRequest(ctx, request)
			}
		}
		span.Set("code", codeOf(x, f))
		span.Fail(errorOf(f))
		l.reportAttempt(c, x, f)
		if f == nil {
			return x, nil
		}
		if !c.Probe && errors.Is(f, errUnserved) {
			l.unserved.Store(true)
		}
		wait := max(f.RetryAfter, binding.Pause(time.Second, maxWait, attempt))
		if busy(x) {
			l.callLimiter.close(wait)
		}
		again := x.status != 0 && f.Kind == binding.Throttled || !c.Writes() && f.Kind == binding.Transient
		if !again || attempt == attempts || wait > maxWait || ctx.Err() != nil {
			return x, f
		}
		if !busy(x) {
			if err := l.callLimiter.wait(ctx, wait); err != nil {
				return x, f
			}
		}
	}
}

// errorOf converts a failure to an error; nil to nil.
func errorOf(f *binding.Failure) error {
	if f == nil {
		return nil
	}
	return f
}

// envelope is the part that all answers have in common. An error has a code.
type envelope struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
}

// open decodes the envelope. ok is false if the answer is not a JSON object
// with a matching Content-Type.
func (x *exchange) open() (e envelope, ok bool) {
	media, _, err := mime.ParseMediaType(x.header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return envelope{}, false
	}
	if err := json.Unmarshal(x.body, &e); err != nil || !strings.HasPrefix(strings.TrimSpace(string(x.body)), "{") {
		return envelope{}, false
	}
	return e, true
}

// busy reports whether the answer asks for a pause.
func busy(x *exchange) bool {
	e, _ := x.open()
	return x.status == http.StatusTooManyRequests || x.status == http.StatusServiceUnavailable ||
		strings.HasPrefix(e.Code, "Throttling")
}

// classify turns the result of a call into a Failure, or nil for a success.
func (l *Line) classify(c Call, x *exchange) *binding.Failure {
	f := &binding.Failure{Op: c.Op, Object: l.instance}
	if c.Object != "" {
		f.Object += " " + c.Object
	}
	if x.err != nil {
		f.Err = &message.Error{Message: message.FromError(x.err).Map(func(s string) string { return removeSecrets(s, x.hide) })}
		if errors.Is(x.err, context.Canceled) || errors.Is(x.err, context.DeadlineExceeded) {
			f.Err = x.err
		}
		unsent(f, c, x)
		return f
	}
	e, readable := x.open()
	good := x.status >= 200 && x.status < 300
	if good && readable && (e.Code == "" || slices.Contains([]string{"200", "OK", "success"}, e.Code)) {
		return nil
	}
	if good && c.Writes() && len(x.body) == 0 {
		return nil
	}
	f.Code = safeCode(e.Code, x.hide)
	f.RetryAfter = retryAfter(x, l.callLimiter.now())
	f.Err = x.words(c, e, readable)
	v := l.verdictOf(c, x.status, e.Code)
	f.Kind, f.Fault, f.Hint = v.kind, v.fault, v.hint
	switch {
	case v.unserved:
		f.Err = message.Within(errUnserved, f.Err)
	case v.refused:
		f.Err = refusal{f.Err}
	}
	return f
}

// refusal marks an error as a refused call. Its text is the error's own.
type refusal struct{ error }

func (refusal) Is(target error) bool { return target == errRefused }

func (r refusal) AsMessage() message.Message { return message.FromError(r.error) }

func (r refusal) Unwrap() error { return r.error }

// unsent completes the failure of a call without an answer.
func unsent(f *binding.Failure, c Call, x *exchange) {
	var inner *binding.Failure
	switch {
	case errors.As(x.err, &inner):
		f.Kind, f.Fault, f.Hint, f.RetryAfter = inner.Kind, inner.Fault, inner.Hint, inner.RetryAfter
	case x.touched && c.Writes():
		f.Kind, f.Hint = binding.OutcomeUnknown, message.New("registry.look-first")
	case errors.As(x.err, new(*boundedio.TooLargeError)):
		f.Kind = binding.Unreadable
	default:
		f.Kind, f.Hint = binding.Transient, message.New("registry.network")
	}
}

// words is the answer's message for people. It is left out if the call
// contained a secret, or if the product's message is known to repeat what was
// signed.
func (x *exchange) words(c Call, e envelope, readable bool) error {
	var said, request string
	if readable {
		request = safeCode(e.RequestID, x.hide)
		if c.Secret == "" && !strings.HasPrefix(e.Code, "SignatureDoesNotMatch") {
			said = message.Cut(removeSecrets(e.Message, x.hide), 200)
		}
	}
	return message.NewError("registry.status", "status", x.status, "unread", !readable, "said", message.Foreign(said), "request", request)
}

// removeSecrets removes secrets from a text, also those quoted as in Go or escaped as
// in URLs, because net/http quotes what it cannot parse of an answer.
func removeSecrets(s string, hide []string) string {
	for _, secret := range hide {
		if secret == "" {
			continue
		}
		quoted := strconv.Quote(secret)
		for _, form := range []string{secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret)} {
			s = strings.ReplaceAll(s, form, "[secret]")
		}
	}
	return s
}

// safeCode returns a code of the registry, or empty if it does not look like
// one or contains a secret.
func safeCode(code string, hide []string) string {
	odd := strings.IndexFunc(code, func(r rune) bool {
		return !strings.ContainsRune("_.-", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) >= 0
	if odd || len(code) > 80 || removeSecrets(code, hide) != code {
		return ""
	}
	return code
}

// retryAfter is how long the answer asks to wait, at most an hour: in the
// standard header, or in the vendor's own, in milliseconds.
func retryAfter(x *exchange, now time.Time) time.Duration {
	d, _ := binding.AskedPause(x.header.Get("Retry-After"), x.header.Get("Date"), now)
	vendor := map[string]*string{}
	for _, name := range []string{"x-ratelimit-user-api", "x-ratelimit-user"} {
		if v := x.header.Get(name); v != "" {
			vendor[name] = new(v)
		}
	}
	if left := openapiutil.GetThrottlingTimeLeft(vendor); left != nil {
		d = max(d, time.Duration(min(max(*left, 0), 3_600_000))*time.Millisecond)
	}
	return min(d, binding.LongestPause)
}
