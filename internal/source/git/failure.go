package git

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// failure turns any error of a session into a *binding.Failure. It shows
// the repository's address, which never contains credentials.
func (s *Source) failure(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*binding.Failure](err); ok {
		return err
	}
	f := &binding.Failure{Kind: binding.Transient, Op: message.New("op.git.read"), Object: s.endpoint.String(), Err: err}
	for _, classify := range []func(*binding.Failure, error) bool{ofContext, ofHTTP, ofTrust, ofServer, ofLimits} {
		if classify(f, err) {
			break
		}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok && f.Fault == "" {
		f.Fault = binding.FaultCredentials // All files that are read hold credentials.
	}
	if s.repeats(err) {
		f.Err = errRepeated
	}
	return f
}

// errRepeated replaces a server's message that contains our password.
var errRepeated = message.NewError("git.repeats")

// repeats reports whether an error contains the sent credentials, in clear text
// or as encoded for sending. A server may put anything into its messages.
func (s *Source) repeats(err error) bool {
	user, password, ok, readErr := s.options.Auth.basic()
	if !ok || readErr != nil {
		return false
	}
	defer clear(password)
	wire := base64.StdEncoding.EncodeToString([]byte(user + ":" + string(password)))
	return strings.Contains(err.Error(), string(password)) || strings.Contains(err.Error(), wire)
}

func ofContext(f *binding.Failure, err error) bool {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.Code, f.Hint = "timeout", message.New("git.timeout")
	case errors.Is(err, context.Canceled):
		f.Code = "cancelled"
	default:
		return false
	}
	return true
}

func ofHTTP(f *binding.Failure, err error) bool {
	if _, ok := errors.AsType[*redirectError](err); ok {
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultRequest, "redirect", message.New("git.final-address")
		return true
	}
	status, ok := errors.AsType[*statusError](err)
	if !ok {
		return false
	}
	f.Code, f.RetryAfter = strconv.Itoa(status.status), status.after
	switch {
	case status.status == http.StatusTooManyRequests || status.status == http.StatusForbidden && status.after > 0:
		f.Kind = binding.Throttled
	case status.status == http.StatusUnauthorized || status.status == http.StatusForbidden:
		f.Kind, f.Hint = binding.Forbidden, message.New("git.credentials")
	case status.status == http.StatusNotFound || status.status == http.StatusGone:
		f.Kind, f.Hint = binding.NotFound, message.New("git.url")
	case status.status == http.StatusProxyAuthRequired:
		f.Kind, f.Hint = binding.Forbidden, message.New("git.proxy-credentials")
	case status.status < http.StatusMultipleChoices: // Azure DevOps answers 203 with a page to sign in.
		f.Kind, f.Hint = binding.Unreadable, message.New("git.clone-url")
	case status.status == http.StatusRequestTimeout || status.status == http.StatusTooEarly:
	case status.status < http.StatusInternalServerError:
		f.Kind = binding.Refused
	}
	return true
}

// ofTrust handles errors about the server's identity and about our credentials.
func ofTrust(f *binding.Failure, err error) bool {
	_, tlsError := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case tlsError || authority:
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "certificate", message.New("git.ca")
	case errors.Is(err, errUnknownHost):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "host-key-unknown", message.New("git.host-key")
	case errors.Is(err, errHostKeyChanged):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "host-key-changed", message.New("git.host-key-changed")
	case errors.Is(err, errHostKeyRevoked):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "host-key-revoked", message.New("git.host-key-revoked")
	case strings.Contains(err.Error(), "ssh: unable to authenticate"):
		f.Kind, f.Code, f.Hint = binding.Forbidden, "ssh-key", message.New("git.key-may-read")
	default:
		return false
	}
	return true
}

// ofServer handles messages of the git server itself.
func ofServer(f *binding.Failure, err error) bool {
	text := ""
	if line, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		text = line.Text
		f.Err = &message.Error{Message: quoteServer(line.Text)}
	}
	said, ok := errors.AsType[*serverError](err)
	if ok {
		text = said.text
	}
	if text == "" {
		return false
	}
	if !ok || !said.late {
		f.Kind = binding.Refused
	}
	lower := strings.ToLower(text)
	switch {
	case containsAny(lower, "not our ref", "unadvertised object"):
		f.Kind, f.Fault, f.Code, f.Hint = binding.NotFound, binding.FaultRequest, "commit", message.New("git.no-commit")
	case containsAny(lower, "not found", "not be found", "does not exist", "does not appear to be a git repository", "no such repository"):
		f.Kind, f.Code, f.Hint = binding.NotFound, "repository", message.New("git.url-and-key")
	case containsAny(lower, "permission denied", "access denied", "denied to", "not allowed", "unauthorized", "forbidden"):
		f.Kind, f.Code = binding.Forbidden, "access"
	}
	return true
}

// quoteServer quotes a server's message.
func quoteServer(text string) message.Message {
	return message.New("git.says", "text", message.Foreign(message.Cut(text, 200)))
}

func containsAny(s string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(s, p) })
}

func ofLimits(f *binding.Failure, err error) bool {
	_, unexpected := errors.AsType[*packp.ErrUnexpectedData](err)
	switch {
	case errors.Is(err, errTooLarge):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultRequest, "source-repository-too-large", message.New("git.too-large-hint")
	case errors.Is(err, errSHA256):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultRequest, "object-format", message.New("git.sha1-hint")
	case errors.Is(err, errEmpty):
		f.Kind, f.Fault, f.Code, f.Hint = binding.NotFound, binding.FaultRequest, "empty-repository", message.New("git.push-first")
	case errors.Is(err, errNotGit) || unexpected:
		f.Kind, f.Code, f.Hint = binding.Unreadable, "not-git", message.New("git.clone-url")
	case errors.Is(err, errMissing):
		f.Kind, f.Code = binding.Unreadable, "incomplete"
	default:
		return false
	}
	return true
}
