// Package codeup checks personal tokens of Codeup (Alibaba Cloud Yunxiao)
// through its open API: validity, clone username, and each of the six
// permissions on the product's least-privilege list, with a call that needs it.
//
// The API has no call that returns a token's expiry or permissions, so the
// expiry is declared and the permissions are checked one by one. From the names
// we infer that a call needs the permission of the same name, and interpret a
// 403 accordingly.
package codeup

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// BaseURL is the central edition's API.
const BaseURL = "https://openapi-rdc.aliyuncs.com/oapi/v1"

// The rules that this package checks.
const (
	codePermissions = "codeup-token-permissions"
	codeUsername    = "codeup-username"
)

var _ providers.Provider = (*Provider)(nil)

// Options are the options of New.
type Options struct {
	// Client is the guarded client (providers.NewHTTPClient).
	Client *http.Client
	// BaseURL is the API's; empty means the central edition's.
	BaseURL string
	// Region is true if BaseURL is a region edition's, whose paths name no
	// organization.
	Region bool
	// Organization is the organization's ID. If empty, it is taken from the
	// source paths or from the organizations that the token sees.
	Organization string
	// ProbeWebhooks allows the only check that writes: it creates a webhook in
	// the first source project and deletes it at once.
	ProbeWebhooks bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider checks tokens and projects on Codeup. It is safe for concurrent use.
type Provider struct {
	o    Options
	host providers.Host
}

// New makes a Provider. An invalid BaseURL is an error.
func New(o Options) (*Provider, error) {
	host, err := providers.HostOptions{Client: o.Client, BaseURL: o.BaseURL, Now: o.Now}.Host(BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{o: o, host: host}, nil
}

// CheckAccount implements providers.Provider. Codeup is bound with a token, so
// CheckToken checks everything.
func (*Provider) CheckAccount(context.Context, binding.Account, secrets.Secret) binding.TokenReport {
	return binding.TokenReport{}
}

// session has the requests of one check.
type session struct {
	p     *Provider
	token secrets.Secret
	// org is the organization's ID; empty in a region edition.
	org string
}

// get requests path, which is relative to the base and escaped.
func (s *session) get(ctx context.Context, path string, out any) (providers.Reply, error) {
	return providers.Get(ctx, s.p.host.Client, s.p.host.Base.String()+path, s.header(), out)
}

func (s *session) header() http.Header {
	h := http.Header{}
	if !s.token.IsZero() {
		h.Set("X-Yunxiao-Token", s.token.Expose())
	}
	return h
}

// in is the path of a service's resource inside the organization.
func (s *session) in(service, resource string) string {
	if s.p.o.Region {
		return "/" + service + resource
	}
	return "/" + service + "/organizations/" + url.PathEscape(s.org) + resource
}

// repository is the API path of a repository, with its full path
// percent-encoded. The full path begins with the organization's ID, which a
// source may leave out.
func (s *session) repository(source string) string {
	source = strings.Trim(source, "/")
	if s.org != "" && !strings.HasPrefix(source, s.org+"/") {
		source = s.org + "/" + source
	}
	return s.in("codeup", "/repositories/"+url.PathEscape(source))
}

// refusal has the error codes of the platform's and of Codeup's error format.
// Both have errorCode.
type refusal struct {
	Code string `json:"errorCode"`
}

// readRefusal reads the error code in a body; empty if there is none. A few
// endpoints answer in plain text.
func readRefusal(body []byte) string {
	var r refusal
	if json.Unmarshal(body, &r) != nil || len(r.Code) > 64 {
		return ""
	}
	for _, c := range r.Code {
		if c != '_' && c != '.' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return ""
		}
	}
	return r.Code
}

// noVerdict is the unknown for a failed call or an inconclusive answer.
func (s *session) noVerdict(question binding.Question, reply providers.Reply, err error) binding.Answer {
	answer := providers.NoVerdict(question, s.p.host.Base.Host, reply, err)
	if code := readRefusal(reply.Body); err == nil && code != "" {
		answer.Message = message.New("codeup.with-code", "answer", answer.Message, "code", code)
	}
	return answer
}

// refusesToken reports whether the API itself does not know the token, according
// to the code in the body. Other codes refuse our address or the organization, or
// are about the system. An unreadable body may come from something in front of
// the API.
func refusesToken(reply providers.Reply) bool {
	if reply.Status != http.StatusUnauthorized || !providers.IsJSON(reply.Header) {
		return false
	}
	code, _, _ := strings.Cut(readRefusal(reply.Body), ".")
	switch code {
	case "Unauthorized", "UNAUTHORIZED", "InvalidToken", "INVALID_TOKEN", "TokenInvalid", "TokenExpired":
		return true
	}
	return false
}

// forbidden reports whether the API itself refuses a permission to a known
// token, according to the code in the body. Other codes refuse our address or
// the organization. A 403 that is not JSON comes from something in front of the
// API, and one that asks to wait is a rate limit.
func forbidden(reply providers.Reply) bool {
	if reply.Status != http.StatusForbidden || !providers.IsJSON(reply.Header) || reply.Header.Get("Retry-After") != "" {
		return false
	}
	code := readRefusal(reply.Body)
	return code == "Forbidden" || code == "Forbidden.AccessDenied"
}

// notFound reports whether the API itself does not find what the path names,
// according to the code in the body. Other codes are about the organization, which
// may be the wrong one, or about the call.
func notFound(reply providers.Reply) bool {
	if reply.Status != http.StatusNotFound || !providers.IsJSON(reply.Header) {
		return false
	}
	code := strings.ToUpper(strings.NewReplacer("_", "", ".", "", "-", "").Replace(readRefusal(reply.Body)))
	return strings.Contains(code, "NOTFOUND") && !strings.Contains(code, "ORGANIZATION") && !strings.Contains(code, "ACTION")
}
