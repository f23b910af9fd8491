package github

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v89/github"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of an observer token.
const ()

// CheckObserver asks about the observer token, which makes private repositories
// visible: whether it is valid, what it may do, and when it expires. A classic
// token has its scopes in the answer; the permissions of a fine-grained one
// cannot be read. The answer no violates no rule of a binding, so no answer has
// a code.
func (p *Provider) CheckObserver(ctx context.Context, token secrets.Secret) binding.TokenReport {
	at := p.host.Now()
	report := p.checkObserver(ctx, token)
	report.Answers = providers.Finish(at, token, report.Answers)
	return report
}

func (p *Provider) checkObserver(ctx context.Context, token secrets.Secret) binding.TokenReport {
	valid := providers.QuestionTokenValid
	if token.IsZero() {
		return binding.TokenReport{Answers: []binding.Answer{providers.Unknown(valid, providers.ReasonNoToken, "there is no observer token to ask about")}}
	}
	api, err := p.open(token)
	if err != nil {
		return binding.TokenReport{Answers: []binding.Answer{providers.No(providers.QuestionTokenKind, "", providers.ReasonMalformed, err.Error())}}
	}
	user, resp, err := api.Users.Get(ctx, "")
	switch status := statusOf(resp); {
	case status == http.StatusUnauthorized && jsonAnswer(resp):
		return binding.TokenReport{Answers: []binding.Answer{providers.No(valid, "", providers.ReasonInvalid,
			"GitHub refuses the observer token (401): it is unknown, revoked or expired; put a new one into the secret store")}}
	case status != http.StatusOK || err != nil:
		reason, message := p.trouble(resp, err)
		return binding.TokenReport{Answers: []binding.Answer{providers.Unknown(valid, reason, message)}}
	case user.GetLogin() == "":
		return binding.TokenReport{Answers: []binding.Answer{providers.Unknown(valid, providers.ReasonUnreadable, "GitHub answered without the token's user")}}
	}
	return binding.TokenReport{
		Expires: resp.TokenExpiration.UTC(),
		Answers: []binding.Answer{providers.Yes(valid, providers.ReasonAccepted, "GitHub accepts the observer token of "+user.GetLogin()), observerScope(resp)},
	}
}

// observerScope reads X-OAuth-Scopes, which classic and OAuth tokens get and
// others do not; an empty one means public data only.
func observerScope(resp *github.Response) binding.Answer {
	question := providers.QuestionTokenScope
	values, told := resp.Header[http.CanonicalHeaderKey("X-OAuth-Scopes")]
	if !told {
		return providers.Unknown(question, providers.ReasonScopeUnseen,
			"GitHub does not tell the rights of a fine-grained token; it needs read access to the metadata of the repositories")
	}
	scopes := strings.Split(strings.ReplaceAll(strings.Join(values, ","), " ", ""), ",")
	if slices.Contains(scopes, "repo") {
		return providers.Yes(question, providers.ReasonScopePresent, "the observer token sees private repositories (scope repo)")
	}
	return providers.No(question, "", providers.ReasonScopeMissing, "the observer token lacks scope repo and sees public repositories only")
}
