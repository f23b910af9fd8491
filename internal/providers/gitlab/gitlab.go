// Package gitlab checks tokens, users and projects on GitLab, self-managed or
// gitlab.com. How it interprets answers is based on GitLab's lib/api and REST
// documentation.
package gitlab

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

// codeScope, codeKind and codeSubgroup are the rules that this package checks.
const (
	codeScope    = "gitlab-token-scope"
	codeKind     = "gitlab-token-kind"
	codeSubgroup = binding.RuleSubgroup
)

var _ providers.Provider = (*Provider)(nil)

// Options are the options of New.
type Options struct {
	// Client is the guarded client (providers.NewHTTPClient).
	Client *http.Client
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Provider checks tokens and projects on GitLab. It is safe for concurrent use.
type Provider struct {
	client *http.Client
	now    func() time.Time
	pins   *providers.Pins
}

// New makes a Provider.
func New(o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{client: o.Client, now: o.Now, pins: providers.NewPins()}
}

// CheckAccount implements providers.Provider. GitLab is bound with a token, so
// CheckToken checks everything.
func (*Provider) CheckAccount(context.Context, binding.Account, secrets.Secret) binding.TokenReport {
	return binding.TokenReport{}
}

// session has the requests of one check to one GitLab.
type session struct {
	client *http.Client
	token  secrets.Secret
	root   *url.URL
	host   string
}

// open makes a session. The address is the site's root, without GitLab's
// sign-in path. It may have a path, for a GitLab with a relative URL.
func (p *Provider) open(address string, token secrets.Secret) (s *session, ok bool) {
	declared, err := url.Parse(address)
	if err != nil || declared.User != nil || declared.RawQuery != "" || declared.Fragment != "" {
		return nil, false
	}
	root, err := providers.ParseBase(binding.NormalAddress(address))
	if err != nil {
		return nil, false
	}
	return &session{client: p.client, token: token, root: root, host: root.Host}, true
}

// get sends one request and decodes a successful answer. An error status is not
// an error. The token is sent as a bearer token, which works for personal,
// project, group and OAuth tokens. The official client is not used because it
// does not return the body of a 404, which distinguishes GitLab from something
// in front of it.
func (s *session) get(ctx context.Context, path string, out any) (providers.Reply, error) {
	header := http.Header{}
	if !s.token.IsZero() {
		header.Set("Authorization", "Bearer "+s.token.Expose())
	}
	return providers.Get(ctx, s.client, s.root.String()+"/api/v4/"+path, header, out)
}

// refusal is the body of a GitLab error. GitLab's OAuth check sends error and
// error_description, and the API a message that may be a string or an object.
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Scope       string `json:"scope"`
	// Message is a string or an object.
	Message json.RawMessage `json:"message"`
}

// ofToken reports whether a 401 is about the token: the OAuth check has a code
// for that, and the API a single body. A gateway's 401 has neither, and other
// codes, such as dpop_error, are about how the token was sent.
func (r refusal) ofToken() bool {
	return r.Error == "invalid_token" || r.Error == "" && string(r.Message) == `"401 Unauthorized"`
}

// missing reports whether a 404 is from GitLab itself: then it repeats the
// status, in the API's message or in the error about an unknown path.
func (r refusal) missing() bool {
	return strings.HasPrefix(r.Error, "404 ") || strings.HasPrefix(string(r.Message), `"404 `)
}

func readRefusal(body []byte) refusal {
	var r refusal
	if json.Unmarshal(body, &r) != nil {
		return refusal{}
	}
	return r
}

// refusedReason is the reason of a 401. The description's wording may change,
// so it determines only the reason, never the verdict.
func refusedReason(body []byte) (reason string, why message.Message) {
	text := strings.ToLower(readRefusal(body).Description)
	switch {
	case strings.Contains(text, "expired"):
		return ReasonExpired, message.New("gitlab.why.expired")
	case strings.Contains(text, "revoked"):
		return ReasonRevoked, message.New("gitlab.why.revoked")
	case strings.Contains(text, "impersonation"):
		return ReasonImpersonation, message.New("gitlab.why.impersonation")
	}
	return providers.ReasonInvalid, message.New("gitlab.why.invalid")
}

// noVerdict is the unknown for a failed call or an inconclusive answer.
func (s *session) noVerdict(question binding.Question, reply providers.Reply, err error) binding.Answer {
	return providers.NoVerdict(question, s.host, reply, err)
}

// notGitLab is the unknown for an answer that cannot be GitLab's.
func (s *session) notGitLab(question binding.Question, status int) binding.Answer {
	return providers.Unknown(question, ReasonNotAGitLab, message.New("gitlab.not-gitlab", "host", s.host, "status", status))
}
