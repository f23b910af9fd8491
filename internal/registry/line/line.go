// Package line is the client of the registry's API that the drivers of all editions share.
// It waits for the rate limiter, signs, sends once without following redirects, reads a
// limited answer, interprets it and retries what may be retried. The vendor's runtime signs
// and sends (darabonba-openapi v2, and credentials-go for the chain of credentials). This
// package reads and checks the answers, and does not pass them to the runtime, so that they
// never appear in its errors or its debug output.
//
// It also has what the editions share beyond single calls: the account calls,
// which a wire profile describes, complete lists, and the memory of what an
// instance serves.
package line

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	openapiutil "github.com/alibabacloud-go/darabonba-openapi/v2/utils"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/wire"
)

// Line is the only client of the API of one instance, with its rate limit. It is
// safe for concurrent use.
type Line struct {
	instance, instanceID string
	profile              *wire.Profile
	client               *openapi.Client
	credentials          *credentialSource
	protocol             string
	timeout              time.Duration
	callLimiter          *callLimiter
	observe              func(Attempt)
	// unserved is true if a call was not served since the capabilities were
	// probed.
	unserved atomic.Bool
}

// New makes a line. It sends no request. Errors say which option is wrong.
func New(o Options) (*Line, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, message.NewError("registry.instance", "instance", o.Instance, "why", err)
	}
	l, err := newLine(o)
	if err != nil {
		return nil, message.NewError("registry.instance", "instance", o.Instance, "why", err)
	}
	return l, nil
}

func newLine(o Options) (*Line, error) {
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
		return nil, message.NewError("registry.runtime.start")
	}
	return &Line{
		instance: o.Instance, instanceID: o.InstanceID, profile: o.WireProfile,
		client: client, credentials: source, protocol: protocol, timeout: o.Timeout, callLimiter: newCallLimiter(o), observe: o.Observe,
	}, nil
}

// Profile returns the profile of the calls that the product does not document.
func (l *Line) Profile() *wire.Profile { return l.profile }

// Ask sends a read that no driver uses, of any version of the API, and returns
// the answer, with its body even if it is an error.
func (l *Line) Ask(ctx context.Context, r wire.Request) (status int, body []byte, err error) {
	op := message.New("op.registry.record")
	if !strings.HasPrefix(r.Action, "Get") && !strings.HasPrefix(r.Action, "List") && !strings.HasPrefix(r.Action, "Check") {
		return 0, nil, l.Failure(binding.Refused, op, r.Action, message.Message{}, message.NewError("registry.may-change"))
	}
	c := newCall(op, r.Action, wire.ListAccounts, r)
	c.Probe = true
	x, f := l.exchange(ctx, c)
	if f != nil {
		err = f
	}
	return x.status, x.body, err
}

// Failure makes a failure of this instance without a call.
func (l *Line) Failure(kind binding.FailureKind, op message.Message, object string, hint message.Message, err error) *binding.Failure {
	return &binding.Failure{Kind: kind, Op: op, Object: l.instance + " " + object, Hint: hint, Err: err}
}

// Unreadable is the failure for an answer that does not have the expected form.
func (l *Line) Unreadable(op message.Message, object string, err error) *binding.Failure {
	return l.Failure(binding.Unreadable, op, object, message.New("registry.record"), err)
}

// Unserved reports whether the endpoint does not serve the call that failed.
func Unserved(err error) bool { return errors.Is(err, errUnserved) }

// Refused reports whether the endpoint serves the call that failed, but refused
// it to this identity or with these parameters. It says nothing about other
// calls.
func Refused(err error) bool { return errors.Is(err, errRefused) }

// Absent reports whether the registry said with certainty that there is no such
// image repository.
func Absent(err error) bool {
	f, ok := errors.AsType[*binding.Failure](err)
	return ok && f.Kind == binding.NotFound && (f.Code == "REPO_NOT_EXIST" || f.Code == noNamespace)
}

const noNamespace = "NAMESPACE_NOT_EXIST"

// NoRepository returns the state of a missing image repository if the error says
// that it does not exist; ok is false for any other error.
func NoRepository(err error) (state binding.RepositoryState, ok bool) {
	if !Absent(err) {
		return state, false
	}
	f, _ := errors.AsType[*binding.Failure](err)
	return binding.RepositoryState{NoNamespace: f.Code == noNamespace}, true
}
