package bitbucket

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of an observer token.
const (
	ReasonNotAPerson = "NotAPersonsToken"
)

// CheckObserver asks about the observer token, which makes private repositories
// visible: whether it is valid and what it may do. Bitbucket reports no expiry.
// For a repository, project or workspace token, the question who owns it is
// answered 403, with the scopes in the headers; such a token works for
// observing. The answer no violates no rule of a binding, so no answer has a
// code.
func (p *Provider) CheckObserver(ctx context.Context, token secrets.Secret) binding.TokenReport {
	return binding.TokenReport{Answers: providers.Finish(p.host.Now(), token, p.checkObserver(ctx, token))}
}

func (p *Provider) checkObserver(ctx context.Context, token secrets.Secret) []binding.Answer {
	valid := providers.QuestionTokenValid
	if token.IsZero() {
		return []binding.Answer{providers.Unknown(valid, providers.ReasonNoToken, "there is no observer token to ask about")}
	}
	header, reason, err := credentials(token)
	if err != nil {
		return []binding.Answer{providers.No(providers.QuestionTokenKind, "", reason, err.Error())}
	}
	var who struct {
		UUID string `json:"uuid"`
		Type string `json:"type"`
	}
	reply, err := providers.Get(ctx, p.host.Client, p.host.Base.String()+"/user", header, &who)
	kind := reply.Header.Get("X-Credential-Type")
	switch {
	case err == nil && reply.OK() && who.Type == "user" && who.UUID != "":
		return []binding.Answer{providers.Yes(valid, providers.ReasonAccepted, "Bitbucket accepts the observer token"), observerScope(reply.Header)}
	case err == nil && reply.OK():
		return []binding.Answer{providers.Unknown(valid, providers.ReasonUnreadable, "Bitbucket answered without the token's user")}
	case err == nil && reply.Status == http.StatusForbidden && strings.HasSuffix(kind, "_access_token"):
		return []binding.Answer{providers.Yes(valid, ReasonNotAPerson, "Bitbucket accepts the observer token, which is no person's"), observerScope(reply.Header)}
	case err == nil && reply.Status == http.StatusUnauthorized:
		return []binding.Answer{providers.No(valid, "", providers.ReasonInvalid,
			"Bitbucket refuses the observer token (401): it is invalid, expired, or has no Bitbucket scope; put a new one into the secret store")}
	}
	return []binding.Answer{p.trouble(valid, reply, err)}
}

// observerScope reads X-OAuth-Scopes in both dialects. In the dialect of API
// tokens, the permission to write does not include the permission to read.
func observerScope(h http.Header) binding.Answer {
	question := providers.QuestionTokenScope
	told := h.Get("X-OAuth-Scopes")
	if told == "" {
		return providers.Unknown(question, providers.ReasonScopeUnseen, "Bitbucket did not tell the observer token's scopes")
	}
	scopes := strings.Split(strings.ReplaceAll(told, " ", ""), ",")
	for _, enough := range []string{"repository", "repository:write", "repository:admin", "read:repository:bitbucket"} {
		if slices.Contains(scopes, enough) {
			return providers.Yes(question, providers.ReasonScopePresent, "the observer token sees private repositories (scope "+enough+")")
		}
	}
	return providers.No(question, "", providers.ReasonScopeMissing,
		"the observer token lacks the scope repository (or read:repository:bitbucket) and sees public repositories only")
}
