package github

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v89/github"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// CheckObserver checks the observer token, which makes private repositories
// visible: whether it is valid, what it may do, and when it expires. GitHub
// returns the scopes of a classic token; the permissions of a fine-grained one
// cannot be read. No answer has a code, because no rule of a binding is broken.
func (p *Provider) CheckObserver(ctx context.Context, token secrets.Secret) binding.TokenReport {
	at := p.host.Now()
	report := p.checkObserver(ctx, token)
	report.Answers = providers.Finish(at, token, report.Answers)
	return report
}

func (p *Provider) checkObserver(ctx context.Context, token secrets.Secret) binding.TokenReport {
	valid := binding.QuestionTokenValid
	if token.IsZero() {
		return binding.TokenReport{Answers: []binding.Answer{providers.Unknown(valid, providers.ReasonNoToken, message.New("observer.none"))}}
	}
	api, why := p.open(token)
	if api == nil {
		return binding.TokenReport{Answers: []binding.Answer{providers.No(binding.QuestionTokenKind, "", providers.ReasonMalformed, why)}}
	}
	user, resp, err := api.Users.Get(ctx, "")
	switch status := statusOf(resp); {
	case status == http.StatusUnauthorized && refuses(resp, err, noSession):
		return binding.TokenReport{Answers: []binding.Answer{providers.No(valid, "", providers.ReasonInvalid,
			message.New("github.observer-refused"))}}
	case status != http.StatusOK || err != nil:
		reason, m := p.noVerdict(resp, err)
		return binding.TokenReport{Answers: []binding.Answer{providers.Unknown(valid, reason, m)}}
	case user.GetLogin() == "":
		return binding.TokenReport{Answers: []binding.Answer{providers.Unknown(valid, providers.ReasonUnreadable, message.New("host.no-token-user", "platform", binding.GitHub.Title()))}}
	}
	return binding.TokenReport{
		Expires: resp.TokenExpiration.UTC(),
		Answers: []binding.Answer{providers.Yes(valid, providers.ReasonAccepted, message.New("github.observer-accepted", "login", user.GetLogin())), observerScope(resp)},
	}
}

// observerScope reads X-OAuth-Scopes, which GitHub sends only for classic and
// OAuth tokens. An empty one means public data only.
func observerScope(resp *github.Response) binding.Answer {
	question := binding.QuestionTokenScope
	values, sent := resp.Header[http.CanonicalHeaderKey("X-OAuth-Scopes")]
	if !sent {
		return providers.Unknown(question, providers.ReasonScopeUnseen,
			message.New("github.observer-fine-grained"))
	}
	scopes := strings.Split(strings.ReplaceAll(strings.Join(values, ","), " ", ""), ",")
	if slices.Contains(scopes, "repo") {
		return providers.Yes(question, providers.ReasonScopePresent, message.New("observer.sees-private", "scope", "repo"))
	}
	return providers.No(question, "", providers.ReasonScopeMissing, message.New("observer.sees-public", "scopes", []string{"repo"}))
}
