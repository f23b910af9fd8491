package git

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"reconciler/internal/binding"
)

// failure turns any error of a conversation into a *binding.Failure. The
// repository's address is shown without credentials, for it never has any.
func (s *Source) failure(op string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*binding.Failure](err); ok {
		return err
	}
	f := &binding.Failure{Kind: binding.Transient, Op: "git: " + op, Object: s.endpoint.String(), Err: err}
	for _, classify := range []func(*binding.Failure, error) bool{ofContext, ofHTTP, ofTrust, ofServer, ofLimits} {
		if classify(f, err) {
			break
		}
	}
	if _, ok := errors.AsType[*fs.PathError](err); ok && f.Fault == "" {
		f.Fault = binding.FaultCredentials // No other files are read.
	}
	if s.repeats(err) {
		f.Err = errRepeated
	}
	return f
}

// errRepeated stands for the words of a server that said our password.
var errRepeated = errors.New("the server's answer repeats our credentials and is not shown")

// repeats says whether an error holds the credentials that were sent, in clear
// or as they went over the wire: a server chooses its own words.
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
		f.Code, f.Hint = "timeout", "the server did not answer in time; it is tried again"
	case errors.Is(err, context.Canceled):
		f.Code = "cancelled"
	default:
		return false
	}
	return true
}

func ofHTTP(f *binding.Failure, err error) bool {
	if _, ok := errors.AsType[*redirectError](err); ok {
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultRequest, "redirect", "put the repository's final address into the configuration; a host that redirects to a page to sign in wants a valid password or token"
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
		f.Kind, f.Hint = binding.Forbidden, "check the user and the password or token, and that they may read the repository"
	case status.status == http.StatusNotFound || status.status == http.StatusGone:
		f.Kind, f.Hint = binding.NotFound, "check the URL; some hosts say this too when the credentials may not read it"
	case status.status == http.StatusProxyAuthRequired:
		f.Kind, f.Hint = binding.Forbidden, "a proxy on the way demands credentials: check the proxy in the environment (HTTPS_PROXY, NO_PROXY)"
	case status.status < http.StatusMultipleChoices: // Azure DevOps answers 203 with a page to sign in.
		f.Kind, f.Hint = binding.Unreadable, hintNotGit
	case status.status == http.StatusRequestTimeout || status.status == http.StatusTooEarly:
	case status.status < http.StatusInternalServerError:
		f.Kind = binding.Refused
	}
	return true
}

// ofTrust is about who the other side is, and who we are to it.
func ofTrust(f *binding.Failure, err error) bool {
	_, tlsError := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	switch {
	case tlsError || authority:
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "certificate", "name the CA of the server in the source's CA file"
	case errors.Is(err, errUnknownHost):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "host-key-unknown", "put the host's key into known_hosts after checking its fingerprint"
	case errors.Is(err, errHostKeyChanged):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "host-key-changed", "somebody may stand in between; check the host's fingerprint before changing known_hosts"
	case errors.Is(err, errHostKeyRevoked):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultService, "host-key-revoked", "do not trust this host until its administrator has changed its key"
	case strings.Contains(err.Error(), "ssh: unable to authenticate"):
		f.Kind, f.Code, f.Hint = binding.Forbidden, "ssh-key", "check that the key may read the repository"
	default:
		return false
	}
	return true
}

// ofServer reads what a git server itself said.
func ofServer(f *binding.Failure, err error) bool {
	text := ""
	if line, ok := errors.AsType[*pktline.ErrorLine](err); ok {
		text = line.Text
		f.Err = fmt.Errorf("the server says %.200q", line.Text)
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
		f.Kind, f.Fault, f.Code, f.Hint = binding.NotFound, binding.FaultRequest, "commit", "the server does not give this commit by itself; name a branch or tag"
	case containsAny(lower, "not found", "not be found", "does not exist", "does not appear to be a git repository", "no such repository"):
		f.Kind, f.Code, f.Hint = binding.NotFound, "repository", "check the URL, and that the key may read the repository"
	case containsAny(lower, "permission denied", "access denied", "denied to", "not allowed", "unauthorized", "forbidden"):
		f.Kind, f.Code = binding.Forbidden, "access"
	}
	return true
}

func containsAny(s string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// hintNotGit is for an answer without the protocol.
const hintNotGit = "check that the URL is the one that git clone takes; some hosts answer with a page to sign in, so check the password or token too"

func ofLimits(f *binding.Failure, err error) bool {
	_, unexpected := errors.AsType[*packp.ErrUnexpectedData](err)
	switch {
	case errors.Is(err, errTooLarge):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultRequest, "source-repository-too-large", "keep declarations in a repository of their own, without large files"
	case errors.Is(err, errSHA256):
		f.Kind, f.Fault, f.Code, f.Hint = binding.Refused, binding.FaultRequest, "object-format", "use a repository with SHA-1 ids, the default of git and the code hosts"
	case errors.Is(err, errEmpty):
		f.Kind, f.Fault, f.Code, f.Hint = binding.NotFound, binding.FaultRequest, "empty-repository", "push a first commit"
	case errors.Is(err, errNotGit) || unexpected:
		f.Kind, f.Code, f.Hint = binding.Unreadable, "not-git", hintNotGit
	case errors.Is(err, errMissing):
		f.Kind, f.Code = binding.Unreadable, "incomplete"
	default:
		return false
	}
	return true
}
