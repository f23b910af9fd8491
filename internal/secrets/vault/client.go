package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// Client reads secrets. It is safe for concurrent use.
type Client struct {
	options  Options
	sessions *sessions
	// reading limits the reads in flight.
	reading chan struct{}

	mu     sync.Mutex
	mounts map[string]mount
}

// New makes a client. It reads those files and variables of the options that
// are read only once, and sends no request.
func New(o Options) (*Client, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observe == nil {
		o.Observe = func(Exchange) {}
	}
	base, err := newAPI(o)
	if err != nil {
		return nil, err
	}
	way, err := newSignIn(o.Auth, o.Redactor)
	if err != nil {
		return nil, err
	}
	return &Client{options: o, sessions: newSessions(base, way, o), reading: make(chan struct{}, maxReads), mounts: map[string]mount{}}, nil
}

// Check signs in, if that was not done yet. The error is a *binding.Failure.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.sessions.get(ctx)
	return err
}

// Stats are the counts since New.
func (c *Client) Stats() Stats {
	s := c.sessions
	return Stats{Logins: s.logins.Load(), Renewals: s.renewals.Load(), LoginFailures: s.failures.Load()}
}

// Ends is when the current login expires; zero if there is none, or if it never
// expires. It sends no request.
func (c *Client) Ends() time.Time {
	if s := c.sessions.current.Load(); s != nil {
		return s.ends
	}
	return time.Time{}
}

// Run keeps the login alive between reads until ctx ends, and then returns nil.
// Without Run, the client renews the login when it is used.
func (c *Client) Run(ctx context.Context) error {
	for {
		wait := time.Hour
		s, err := c.sessions.get(ctx)
		if failure, ok := errors.AsType[*binding.Failure](err); ok {
			wait = max(failure.RetryAfter, minInterval)
		} else if err == nil && !s.due.IsZero() {
			wait = max(s.due.Sub(c.options.Now()), minInterval)
		}
		if binding.Sleep(ctx, wait) != nil {
			return nil //nolint:nilerr // The end of the context is not an error here.
		}
	}
}

// Close revokes a token that the client got by signing in, so that short runs
// leave no leases behind, and wipes it. Do not use the client afterwards.
func (c *Client) Close(ctx context.Context) error {
	s := c.sessions.current.Swap(nil)
	if s == nil {
		return nil
	}
	defer s.token.Wipe()
	if !c.sessions.signIn.issues() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	if err := s.api.Auth().Token().RevokeSelfWithContext(ctx, ""); err != nil {
		return call{op: message.New("op.vault.revoke"), path: "auth/token/revoke-self"}.failed(err)
	}
	return nil
}

// Metadata asks Vault about a secret without reading its value. With KV version
// 2 the permission to read metadata is enough, but it does not show whether the
// secret has the key. A KV version 1 engine has no metadata: the result is zero
// and shows only that the engine exists. An error is a *binding.Failure with
// one of this package's codes.
func (c *Client) Metadata(ctx context.Context, ref secrets.Ref) (secrets.Metadata, error) {
	if f := checkRef(message.New("op.vault.read-metadata"), ref); f != nil {
		return secrets.Metadata{}, f
	}
	var meta secrets.Metadata
	err := c.withVersion(ctx, ref, func(version int) (err error) {
		if version != 1 {
			meta, err = c.metadata(ctx, ref)
		}
		return err
	})
	return meta, withPathHint(err, ref)
}

// metadata asks a KV version 2 engine.
func (c *Client) metadata(ctx context.Context, ref secrets.Ref) (secrets.Metadata, error) {
	asked := call{op: message.New("op.vault.read-metadata"), object: object(ref), path: ref.Mount + "/metadata/" + ref.Path}
	r, err := c.ask(ctx, asked, nil)
	if err != nil {
		return secrets.Metadata{}, err
	}
	if r.status != http.StatusOK {
		return secrets.Metadata{}, asked.missing(r, ref)
	}
	var found secretState
	if err := decode(r.body, &found); err != nil {
		return secrets.Metadata{}, asked.unreadable(err)
	}
	return asked.selectVersion(found, ref, r.sent)
}

// selectVersion selects the version that a read would return. sent is when Vault
// answered, by its own clock.
func (c call) selectVersion(found secretState, ref secrets.Ref, sent time.Time) (secrets.Metadata, error) {
	n := cmp.Or(ref.Version, found.CurrentVersion)
	state, ok := found.Versions[strconv.Itoa(n)]
	if !ok {
		return secrets.Metadata{}, absent(c, ref)
	}
	state.Version = n
	meta := secrets.Metadata{Version: n, Latest: found.CurrentVersion, Created: state.CreatedTime.Time, Custom: found.CustomMetadata}
	switch {
	case state.DeletionTime != nil && state.DeletionTime.unread:
		return secrets.Metadata{}, c.unreadable(message.NewError("vault.deletion-time", "version", n))
	case state.gone(sent):
		return secrets.Metadata{}, gone(c, ref, state)
	}
	return meta, nil
}

// Read reads one value, with the metadata that comes with it. The caller wipes
// the secret after the call that needs it. An error is a *binding.Failure with
// one of this package's codes.
func (c *Client) Read(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	if f := checkRef(message.New("op.vault.read"), ref); f != nil {
		return secrets.Secret{}, secrets.Metadata{}, f
	}
	var secret secrets.Secret
	var meta secrets.Metadata
	err := c.withVersion(ctx, ref, func(version int) (err error) {
		if version == 1 {
			secret, meta, err = c.readV1(ctx, ref)
		} else {
			secret, meta, err = c.readV2(ctx, ref)
		}
		return err
	})
	return secret, meta, withPathHint(err, ref)
}

// readV2 reads from a KV version 2 engine.
func (c *Client) readV2(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	asked := call{op: message.New("op.vault.read"), object: object(ref), path: ref.Mount + "/data/" + ref.Path}
	query := url.Values{}
	if ref.Version > 0 {
		query.Set("version", strconv.Itoa(ref.Version))
	}
	r, err := c.ask(ctx, asked, query)
	if err != nil {
		return secrets.Secret{}, secrets.Metadata{}, err
	}
	defer clear(r.body)
	var found versionData
	err = decode(r.body, &found)
	defer wipe(found.Data)
	switch {
	case r.status == http.StatusNotFound && (err != nil || found.Metadata == nil):
		return secrets.Secret{}, secrets.Metadata{}, asked.missing(r, ref)
	case err != nil:
		return secrets.Secret{}, secrets.Metadata{}, asked.unreadable(err)
	case found.Metadata == nil || found.Metadata.Version == 0:
		return secrets.Secret{}, secrets.Metadata{}, asked.unreadable(message.NewError("vault.no-metadata"))
	}
	// Vault's answer decides, not a clock: what it does not serve is gone.
	if r.status == http.StatusNotFound {
		return secrets.Secret{}, secrets.Metadata{}, gone(asked, ref, found.Metadata.versionState)
	}
	meta := secrets.Metadata{Version: found.Metadata.Version, Created: found.Metadata.CreatedTime.Time, Custom: found.Metadata.CustomMetadata}
	if ref.Version == 0 {
		meta.Latest = meta.Version
	}
	secret, failure := c.value(asked, ref, found.Data)
	if failure != nil {
		return secrets.Secret{}, secrets.Metadata{}, failure
	}
	return secret, meta, nil
}

// readV1 reads from a KV version 1 engine.
func (c *Client) readV1(ctx context.Context, ref secrets.Ref) (secrets.Secret, secrets.Metadata, error) {
	asked := call{op: message.New("op.vault.read"), object: object(ref), path: ref.Mount + "/" + ref.Path}
	if ref.Version > 0 {
		return secrets.Secret{}, secrets.Metadata{}, asked.declared(CodeNotFound, message.New("vault.v1-no-versions"))
	}
	r, err := c.ask(ctx, asked, nil)
	if err != nil {
		return secrets.Secret{}, secrets.Metadata{}, err
	}
	defer clear(r.body)
	if r.status != http.StatusOK {
		return secrets.Secret{}, secrets.Metadata{}, asked.missing(r, ref)
	}
	var found map[string]json.RawMessage
	if err := decode(r.body, &found); err != nil {
		return secrets.Secret{}, secrets.Metadata{}, asked.unreadable(err)
	}
	defer wipe(found)
	secret, failure := c.value(asked, ref, found)
	if failure != nil {
		return secrets.Secret{}, secrets.Metadata{}, failure
	}
	return secret, secrets.Metadata{}, nil
}

// value returns the value of the key in a secret's data.
func (c *Client) value(asked call, ref secrets.Ref, data map[string]json.RawMessage) (secrets.Secret, *binding.Failure) {
	missing := func(what message.Message) *binding.Failure {
		return asked.failure(binding.NotFound, CodeMissingKey, message.New("vault.key", "what", what))
	}
	raw, ok := data[ref.Key]
	if !ok {
		return secrets.Secret{}, missing(message.New("vault.key-missing", "key", ref.Key))
	}
	value, ok := unquote(raw)
	if !ok {
		return secrets.Secret{}, missing(message.New("vault.key-not-text", "key", ref.Key))
	}
	if len(value) == 0 {
		return secrets.Secret{}, missing(message.New("vault.key-empty", "key", ref.Key))
	}
	secret := secrets.New(value)
	c.options.Redactor.Register(secret)
	return secret, nil
}

// wipe overwrites a secret's data.
func wipe(data map[string]json.RawMessage) {
	for _, raw := range data {
		clear(raw)
	}
}

// missing is the failure for an answer without the secret. A 404 without an
// error message means that nothing is stored there, and one with a message that
// the path is invalid.
func (c call) missing(r reply, ref secrets.Ref) *binding.Failure {
	switch {
	case r.status != http.StatusNotFound:
		return c.unreadable(message.NewError("vault.no-answer", "status", r.status))
	case r.foreign():
		return c.unreadable(message.NewError("vault.without-words", "status", r.status))
	case len(r.texts) == 0 && len(r.warnings) > 0:
		f := absent(c, ref)
		f.Err = message.NewError("vault.warns", "text", message.Foreign(message.Cut(r.warnings[0], 200)))
		return f
	case len(r.texts) == 0:
		return absent(c, ref)
	}
	return c.failure(binding.NotFound, CodeNotFound, message.New("vault.no-engine", "mount", ref.Mount))
}

// checkRef rejects a reference that could lead out of its mount.
func checkRef(op message.Message, ref secrets.Ref) *binding.Failure {
	bad := ref.Mount == "" || ref.Path == "" || ref.Key == "" || ref.Version < 0
	for part := range strings.SplitSeq(ref.Mount+"/"+ref.Path, "/") {
		bad = bad || part == "" || part == "." || part == ".."
	}
	for _, r := range ref.Mount + ref.Path {
		bad = bad || r < ' ' || r == 0x7f
	}
	if !bad {
		return nil
	}
	return call{op: op, object: strconv.Quote(object(ref))}.declared(CodeRefused,
		message.New("vault.bad-reference"))
}

// ask sends a read with the shared session. After a 403 it tries once more with
// a new session, if it can get one. It returns answers with status 200 and 404;
// all others are failures.
func (c *Client) ask(ctx context.Context, asked call, query url.Values) (reply, error) {
	s, err := c.sessions.get(ctx)
	if err != nil {
		return reply{}, err
	}
	r, failure := c.send(ctx, s, asked, query)
	if failure == nil && r.status == http.StatusForbidden {
		if other := c.sessions.afterDenial(ctx, s, r.tokenUnknown()); other != s {
			s = other
			r, failure = c.send(ctx, s, asked, query)
			if failure == nil && r.status != http.StatusForbidden {
				c.sessions.noteUsefulLogin(ctx)
			}
		}
	}
	if failure == nil && r.status != http.StatusForbidden {
		s.readAllowed.Store(true)
	}
	switch {
	case failure != nil:
		return reply{}, failure
	case r.status != http.StatusOK && r.status != http.StatusNotFound:
		return reply{}, asked.refused(r)
	}
	return r, nil
}

// send sends one read and returns the answer whatever its status. The time
// limit does not include the wait for other reads.
func (c *Client) send(ctx context.Context, s *session, asked call, query url.Values) (reply, *binding.Failure) {
	select {
	case c.reading <- struct{}{}:
		defer func() { <-c.reading }()
	case <-ctx.Done():
		return reply{}, asked.broken(ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	resp, err := s.api.Logical().ReadRawWithDataWithContext(ctx, asked.path, query)
	var said *api.ResponseError
	if err != nil && !errors.As(err, &said) {
		if resp != nil && resp.Response != nil {
			_ = resp.Body.Close()
		}
		return reply{}, asked.broken(err)
	}
	defer func() { _ = resp.Body.Close() }()
	r := reply{status: resp.StatusCode, sent: c.options.Now()}
	if there, ok := binding.HTTPTime(resp.Header.Get("Date")); ok {
		r.sent = there
	}
	r.retryAfter, _ = binding.AskedPause(resp.Header.Get("Retry-After"), resp.Header.Get("Date"), c.options.Now())
	if said != nil {
		r.texts = said.Errors
	}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return reply{}, asked.broken(err)
	}
	r.warnings = warnings(r)
	return r, nil
}
