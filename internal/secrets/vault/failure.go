package vault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/hashicorp/vault/api"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/secrets"
)

// The codes of this package's failures. None of them is a reason to unbind
// anything.
const (
	// CodeDeleted: the version is marked as deleted and can be undeleted.
	CodeDeleted = "Deleted"
	// CodeDestroyed: the version's data is permanently destroyed.
	CodeDestroyed = "Destroyed"
	// CodeSealed: the server is sealed or not initialized.
	CodeSealed = "Sealed"
	// CodeForbidden: our token or login has no permission.
	CodeForbidden = "Forbidden"
	// CodeUnreachable: no answer, or a node that cannot serve now.
	CodeUnreachable = "Unreachable"
	// CodeMissingKey: the secret exists and has no such key.
	CodeMissingKey = "MissingKey"
	// CodeNotFound: nothing is stored at the path, or not in that version.
	CodeNotFound = "NotFound"
	// CodeThrottled: the server's rate limit.
	CodeThrottled = "Throttled"
	// CodeRefused: any other rejection.
	CodeRefused = "Refused"
	// CodeUnreadable: an answer that is not Vault's.
	CodeUnreadable = "Unreadable"
)

// reply is an answer from Vault. body may contain a secret. texts are the error
// messages, which are compared but never shown.
type reply struct {
	status     int
	body       []byte
	texts      []string
	warnings   []string
	retryAfter time.Duration
	// sent is when Vault sent it, by Vault's own clock.
	sent time.Time
}

// hasError reports whether an error message contains a phrase.
func (r reply) hasError(phrase string) bool {
	return slices.ContainsFunc(r.texts, func(t string) bool { return strings.Contains(t, phrase) })
}

// foreign reports whether the answer cannot be Vault's: something in between
// answered.
func (r reply) foreign() bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(r.body, &fields) != nil {
		return true
	}
	for _, name := range []string{"errors", "data", "warnings", "request_id"} {
		if _, has := fields[name]; has {
			return false
		}
	}
	return true
}

// proxied reports whether something in between refuses, not Vault. A few
// statuses mean the same whoever sends them.
func (r reply) proxied() bool {
	switch r.status {
	case http.StatusProxyAuthRequired, http.StatusPreconditionFailed, http.StatusTooManyRequests, 472, 473:
		return false
	}
	return r.status >= 400 && r.status < 500 && len(r.body) > 0 && r.foreign()
}

// tokenUnknown reports whether Vault no longer knows the token, according to the
// messages of its different versions.
func (r reply) tokenUnknown() bool { return r.hasError("invalid token") || r.hasError("bad token") }

// call describes one request to Vault, for failures.
type call struct {
	// op is what is done, and object the name of what it is done to.
	op     message.Message
	object string
	// path is the API path, for the policy hint; empty for a login.
	path string
}

// failure makes a failure about this call. If something does not exist, the
// declaration is at fault; otherwise the kind determines whose fault it is.
func (c call) failure(kind binding.FailureKind, code string, hint message.Message) *binding.Failure {
	f := &binding.Failure{Kind: kind, Code: code, Op: c.op, Object: c.object, Hint: hint}
	if kind == binding.NotFound {
		f.Fault = binding.FaultRequest
	}
	return f
}

// declared is the failure for something that cannot be as it is declared.
func (c call) declared(code string, hint message.Message) *binding.Failure {
	f := c.failure(binding.Refused, code, hint)
	f.Fault = binding.FaultRequest
	return f
}

// policy is the Vault policy that would allow the call.
func (c call) policy() string { return fmt.Sprintf("path %q { capabilities = [\"read\"] }", c.path) }

// refused is the failure for an error that is independent of the request.
func (c call) refused(r reply) *binding.Failure {
	if r.proxied() {
		return c.unreadable(message.NewError("vault.without-words", "status", r.status))
	}
	f := c.failureOf(r)
	f.Err = message.NewError("vault.status", "status", r.status)
	f.RetryAfter = r.retryAfter
	return f
}

func (c call) failureOf(r reply) *binding.Failure {
	switch {
	case r.status == http.StatusForbidden && r.tokenUnknown():
		return c.failure(binding.Forbidden, CodeForbidden, message.New("vault.token-invalid", "policy", c.policy()))
	case r.status == http.StatusForbidden:
		return c.failure(binding.Forbidden, CodeForbidden, message.New("vault.forbidden", "policy", c.policy()))
	case r.status == http.StatusTooManyRequests:
		return c.failure(binding.Throttled, CodeThrottled, message.New("vault.quota"))
	case r.status == http.StatusPreconditionFailed:
		return c.failure(binding.Transient, CodeUnreachable, message.New("vault.behind"))
	case r.status == 472:
		return c.failure(binding.Transient, CodeUnreachable, message.New("vault.disaster-recovery"))
	case r.status == 473:
		return c.failure(binding.Transient, CodeUnreachable, message.New("vault.standby"))
	case r.status == http.StatusServiceUnavailable && r.hasError("sealed"), r.status == http.StatusNotImplemented:
		return c.failure(binding.Transient, CodeSealed, message.New("vault.sealed"))
	case r.status == http.StatusBadRequest && r.hasError("Upgrading from non-versioned to versioned"):
		return c.failure(binding.Transient, CodeUnreachable, message.New("vault.upgrading"))
	case r.status == http.StatusProxyAuthRequired:
		return c.failure(binding.Transient, CodeUnreachable, message.New("vault.proxy-credentials"))
	case r.hasError("no handler for route"):
		return c.declared(CodeRefused, message.New("vault.not-mounted"))
	case r.hasError("is locked") || r.hasError("user lockout"):
		return c.failure(binding.Throttled, CodeThrottled, message.New("vault.locked-out"))
	case r.status >= 500:
		return c.failure(binding.Transient, CodeUnreachable, message.New("vault.cannot-serve"))
	case r.status >= 300 && r.status < 400:
		f := c.failure(binding.Refused, CodeRefused, message.New("vault.redirects"))
		f.Fault = binding.FaultService
		return f
	}
	return c.failure(binding.Refused, CodeRefused, message.New("vault.audit-log"))
}

// unreadable is the failure for an answer that cannot be parsed.
func (c call) unreadable(why error) *binding.Failure {
	f := c.failure(binding.Unreadable, CodeUnreadable, message.New("vault.foreign"))
	f.Err = why
	return f
}

// broken is the failure for a call without an answer.
func (c call) broken(err error) *binding.Failure {
	f := c.failure(binding.Transient, CodeUnreachable, message.New("vault.network"))
	f.Err = networkCause(err)
	var (
		redirect  *redirectError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &redirect):
		f.Kind, f.Fault, f.Hint = binding.Refused, binding.FaultService, message.New("vault.redirect-host")
	case errors.As(err, &authority):
		f.Hint = message.New("vault.certificate-authority")
	case errors.As(err, &hostname):
		f.Hint = message.New("vault.certificate-name")
	case errors.As(err, &invalid):
		f.Hint = message.New("vault.certificate-invalid")
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		f.Hint = message.New("vault.no-tls")
	}
	return f
}

// networkCause is the part of an error that is safe to show: errors of net, TLS
// and contexts. Others may contain parts of an answer.
func networkCause(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		err = outer.Err
	}
	var (
		redirect  *redirectError
		operation *net.OpError
		name      *net.DNSError
		verify    *tls.CertificateVerificationError
		alert     tls.AlertError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &redirect):
		return redirect
	case errors.As(err, &name):
		return name
	case errors.As(err, &verify):
		return verify
	case errors.As(err, &operation):
		return operation
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return message.NewError("vault.tls-missing")
	case errors.As(err, &timeout) && timeout.Timeout():
		return message.NewError("vault.timeout")
	}
	return message.NewError("vault.connection")
}

// failed turns an error of the api package into a failure: by its answer or,
// without one, as a broken call.
func (c call) failed(err error) *binding.Failure {
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return c.broken(err)
	}
	return c.refused(replyOf(answer))
}

// replyOf returns the answer in an error of the api package.
func replyOf(answer *api.ResponseError) reply {
	if answer.RawError { // The error is the body, which is not JSON.
		return reply{status: answer.StatusCode, body: []byte(strings.Join(answer.Errors, ""))}
	}
	return reply{status: answer.StatusCode, texts: answer.Errors}
}

// object names a secret in a failure.
func object(ref secrets.Ref) string {
	s := ref.Mount + "/" + ref.Path
	if ref.Version > 0 {
		s += "@" + strconv.Itoa(ref.Version)
	}
	return s
}

// withPathHint adds a hint to a failure if the mount or the path of a reference wrongly
// includes a part of the API's path.
func withPathHint(err error, ref secrets.Ref) error {
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok || f.Object != object(ref) || f.Code != CodeNotFound && f.Code != CodeForbidden && f.Code != CodeRefused {
		return err
	}
	mount, path := strings.TrimPrefix(ref.Mount, "v1/"), ref.Path
	for _, part := range []string{"data", "metadata"} {
		mount = strings.TrimSuffix(mount, "/"+part)
		path = strings.TrimPrefix(path, part+"/")
	}
	var write []message.Message
	if mount != ref.Mount {
		write = append(write, message.New("vault.write-mount", "mount", mount))
	}
	if path != ref.Path {
		write = append(write, message.New("vault.write-path", "path", path))
	}
	if len(write) > 0 {
		f.Hint = message.New("vault.api-path", "fix", write)
	}
	return err
}

// absent is the failure for a secret or version that does not exist.
func absent(c call, ref secrets.Ref) *binding.Failure {
	if ref.Version > 0 {
		return c.failure(binding.NotFound, CodeNotFound, message.New("vault.no-version"))
	}
	return c.failure(binding.NotFound, CodeNotFound, message.New("vault.nothing-stored", "mount", shellescape.Quote(ref.Mount), "path", shellescape.Quote(ref.Path), "key", shellescape.Quote(ref.Key)))
}

// gone is the failure for a version without data: destroyed, or deleted.
func gone(c call, ref secrets.Ref, v versionState) *binding.Failure {
	if v.Destroyed {
		return c.failure(binding.NotFound, CodeDestroyed, message.New("vault.destroyed", "version", v.Version))
	}
	return c.failure(binding.NotFound, CodeDeleted, message.New("vault.deleted", "version", v.Version, "mount", shellescape.Quote(ref.Mount), "versions", v.Version, "path", shellescape.Quote(ref.Path)))
}
