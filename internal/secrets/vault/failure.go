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
	"reconciler/internal/secrets"
)

// The codes of a binding.Failure of this package. None of them is grounds to
// unbind anything.
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

// reply is an answer of Vault's. body holds a secret perhaps; texts are its
// error messages, to be matched and never shown.
type reply struct {
	status     int
	body       []byte
	texts      []string
	warnings   []string
	retryAfter time.Duration
	// sent is when Vault sent it, by Vault's own clock.
	sent time.Time
}

// says looks for a phrase in the error messages.
func (r reply) says(phrase string) bool {
	return slices.ContainsFunc(r.texts, func(t string) bool { return strings.Contains(t, phrase) })
}

// foreign says that the answer does not have the shape of any of Vault's:
// something in between answered.
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

// proxied says that something in between refuses, and not Vault. A few statuses
// mean the same whoever sends them.
func (r reply) proxied() bool {
	switch r.status {
	case http.StatusProxyAuthRequired, http.StatusPreconditionFailed, http.StatusTooManyRequests, 472, 473:
		return false
	}
	return r.status >= 400 && r.status < 500 && len(r.body) > 0 && r.foreign()
}

// forgets reports whether Vault no longer knows the token, in the words of its
// versions.
func (r reply) forgets() bool { return r.says("invalid token") || r.says("bad token") }

// call is one thing asked of Vault, in the words of a failure.
type call struct {
	// op is what is being done, object what to.
	op, object string
	// path is the API path, for the policy hint; empty for a login.
	path string
}

// failure starts one about this call. What is not there is what was declared;
// whose fault other failures are, their kind says.
func (c call) failure(kind binding.FailureKind, code, hint string) *binding.Failure {
	f := &binding.Failure{Kind: kind, Code: code, Op: "vault: " + c.op, Object: c.object, Hint: hint}
	if kind == binding.NotFound {
		f.Fault = binding.FaultRequest
	}
	return f
}

// declared is the failure of something that cannot be as it is declared.
func (c call) declared(code, hint string) *binding.Failure {
	f := c.failure(binding.Refused, code, hint)
	f.Fault = binding.FaultRequest
	return f
}

// policy is the rule that would allow the call.
func (c call) policy() string { return fmt.Sprintf("path %q { capabilities = [\"read\"] }", c.path) }

// refused is the failure for an answer that is an error whatever was asked.
func (c call) refused(r reply) *binding.Failure {
	if r.proxied() {
		return c.unreadable(fmt.Sprintf("HTTP status %d without Vault's words", r.status))
	}
	f := c.failureOf(r)
	f.Err = fmt.Errorf("HTTP status %d", r.status)
	f.RetryAfter = r.retryAfter
	return f
}

func (c call) failureOf(r reply) *binding.Failure {
	switch {
	case r.status == http.StatusForbidden && r.forgets():
		return c.failure(binding.Forbidden, CodeForbidden, "the token is not valid any more: renew it where it comes from; it also needs the policy "+c.policy())
	case r.status == http.StatusForbidden:
		return c.failure(binding.Forbidden, CodeForbidden, "the token's policies must allow "+c.policy()+"; Vault also answers this if the secret is in another namespace than the token")
	case r.status == http.StatusTooManyRequests:
		return c.failure(binding.Throttled, CodeThrottled, "a rate limit quota of the server's holds: raise it, or let us ask less often")
	case r.status == http.StatusPreconditionFailed:
		return c.failure(binding.Transient, CodeUnreachable, "the node has not caught up with the cluster; it is asked again")
	case r.status == 472:
		return c.failure(binding.Transient, CodeUnreachable, "the node is a disaster recovery secondary: address the primary")
	case r.status == 473:
		return c.failure(binding.Transient, CodeUnreachable, "the node is a performance standby that cannot serve this: address the active node or a load balancer")
	case r.status == http.StatusServiceUnavailable && r.says("sealed"), r.status == http.StatusNotImplemented:
		return c.failure(binding.Transient, CodeSealed, "unseal the server (vault operator unseal); nothing is changed until then")
	case r.status == http.StatusBadRequest && r.says("Upgrading from non-versioned to versioned"):
		return c.failure(binding.Transient, CodeUnreachable, "the secrets engine is being upgraded to KV version 2; it is asked again")
	case r.status == http.StatusProxyAuthRequired:
		return c.failure(binding.Transient, CodeUnreachable, "a proxy on the way demands credentials: address Vault directly")
	case r.says("no handler for route"):
		return c.declared(CodeRefused, "nothing is mounted there: check the mount, and the namespace")
	case r.says("is locked") || r.says("user lockout"):
		return c.failure(binding.Throttled, CodeThrottled, "Vault has locked the credential after failed logins: it opens by itself")
	case r.status >= 500:
		return c.failure(binding.Transient, CodeUnreachable, "the server cannot serve now, or a standby finds no leader: look at vault status")
	case r.status >= 300 && r.status < 400:
		f := c.failure(binding.Refused, CodeRefused, "the server redirects more than once: address the active node or a load balancer")
		f.Fault = binding.FaultService
		return f
	}
	return c.failure(binding.Refused, CodeRefused, "look at the server's audit log for what it refuses")
}

// unreadable is the failure for an answer that makes no sense.
func (c call) unreadable(why string) *binding.Failure {
	f := c.failure(binding.Unreadable, CodeUnreadable, "the address leads to something that does not answer like Vault: a proxy's or sign-in page?")
	f.Err = errors.New(why)
	return f
}

// broken is the failure for a call that brought no answer at all.
func (c call) broken(err error) *binding.Failure {
	f := c.failure(binding.Transient, CodeUnreachable, "check the address, the network and that the server is up")
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
		f.Kind, f.Fault, f.Hint = binding.Refused, binding.FaultService, "name that node under peers, or address a load balancer: the token is not sent to a host that the configuration does not name"
	case errors.As(err, &authority):
		f.Hint = "the server's certificate is from an authority we do not know: name it with caFile"
	case errors.As(err, &hostname):
		f.Hint = "the server's certificate is for another name: correct the address, or set serverName"
	case errors.As(err, &invalid):
		f.Hint = "the server's certificate is not valid, perhaps it has expired"
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		f.Hint = "the server does not speak TLS at this address"
	}
	return f
}

// networkCause is the part of an error that is safe to show: the errors of
// net, TLS and contexts. Others can hold pieces of an answer.
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
		return errors.New("no TLS at this address")
	case errors.As(err, &timeout) && timeout.Timeout():
		return errors.New("no answer in time")
	}
	return errors.New("the connection broke")
}

// failed turns an error of the api package into a failure, by the answer it
// holds or as a broken call.
func (c call) failed(err error) *binding.Failure {
	answer, ok := errors.AsType[*api.ResponseError](err)
	if !ok {
		return c.broken(err)
	}
	return c.refused(replyOf(answer))
}

// replyOf is the answer in an error of the api package.
func replyOf(answer *api.ResponseError) reply {
	if answer.RawError { // The body, which is not JSON.
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

// meant gives a failure the hint what was meant, where the mount or the path of a
// reference has a part of the API's path.
func meant(err error, ref secrets.Ref) error {
	f, ok := errors.AsType[*binding.Failure](err)
	if !ok || f.Object != object(ref) || f.Code != CodeNotFound && f.Code != CodeForbidden && f.Code != CodeRefused {
		return err
	}
	mount, path := strings.TrimPrefix(ref.Mount, "v1/"), ref.Path
	for _, part := range []string{"data", "metadata"} {
		mount = strings.TrimSuffix(mount, "/"+part)
		path = strings.TrimPrefix(path, part+"/")
	}
	var write []string
	if mount != ref.Mount {
		write = append(write, "write mount: "+mount)
	}
	if path != ref.Path {
		write = append(write, "write path: "+path)
	}
	if len(write) > 0 {
		f.Hint = "v1/, data/ and metadata/ belong to the path of the API and not to the secret's: " + strings.Join(write, ", ")
	}
	return err
}

// absent is the failure for a secret, or version, that does not exist.
func absent(c call, ref secrets.Ref) *binding.Failure {
	if ref.Version > 0 {
		return c.failure(binding.NotFound, CodeNotFound, "there is no such version, or it was pruned: pin another or none")
	}
	return c.failure(binding.NotFound, CodeNotFound, fmt.Sprintf(
		"nothing is stored there: check mount, path and namespace, or write it: vault kv put -mount=%s %s %s=-", shellescape.Quote(ref.Mount), shellescape.Quote(ref.Path), shellescape.Quote(ref.Key)))
}

// gone is the failure for a version without data: destroyed, or deleted.
func gone(c call, ref secrets.Ref, v versionState) *binding.Failure {
	if v.Destroyed {
		return c.failure(binding.NotFound, CodeDestroyed, fmt.Sprintf("version %d is destroyed and cannot come back: write a new version", v.Version))
	}
	return c.failure(binding.NotFound, CodeDeleted, fmt.Sprintf(
		"version %d was deleted: vault kv undelete -mount=%s -versions=%d %s, or write a new version", v.Version, shellescape.Quote(ref.Mount), v.Version, shellescape.Quote(ref.Path)))
}
