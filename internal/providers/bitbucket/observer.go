package bitbucket

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of answers about an observer token.
const (
	ReasonNotAPerson = "NotAPersonsToken"
)

// CheckObserver checks the observer token, which makes private repositories
// visible: whether it is valid and what it may do. Bitbucket reports no expiry.
// For a repository, project or workspace token, Bitbucket answers 403 to the
// request for its owner, with the scopes in the headers; such a token works for
// observing. No answer has a code, because no rule of a binding is broken.
func (p *Provider) CheckObserver(ctx context.Context, token secrets.Secret) binding.TokenReport {
	return binding.TokenReport{Answers: providers.Finish(p.host.Now(), token, p.checkObserver(ctx, token))}
}

func (p *Provider) checkObserver(ctx context.Context, token secrets.Secret) []binding.Answer {
	valid := binding.QuestionTokenValid
	if token.IsZero() {
		return []binding.Answer{providers.Unknown(valid, providers.ReasonNoToken, message.New("observer.none"))}
	}
	header, reason, why := credentials(token)
	if header == nil {
		return []binding.Answer{providers.No(binding.QuestionTokenKind, "", reason, why)}
	}
	var who struct {
		UUID string `json:"uuid"`
		Type string `json:"type"`
	}
	reply, err := providers.Get(ctx, p.host.Client, p.host.Base.String()+"/user", header, &who)
	kind := reply.Header.Get("X-Credential-Type")
	switch {
	case err == nil && reply.OK() && who.Type == "user" && who.UUID != "":
		return []binding.Answer{providers.Yes(valid, providers.ReasonAccepted, message.New("bitbucket.observer-accepted")), observerScope(reply.Header)}
	case err == nil && reply.OK():
		return []binding.Answer{providers.Unknown(valid, providers.ReasonUnreadable, message.New("host.no-token-user", "platform", binding.Bitbucket.Title()))}
	case err == nil && reply.Status == http.StatusForbidden && strings.HasSuffix(kind, "_access_token"):
		return []binding.Answer{providers.Yes(valid, ReasonNotAPerson, message.New("bitbucket.observer-not-personal")), observerScope(reply.Header)}
	case err == nil && reply.Status == http.StatusUnauthorized && providers.IsJSON(reply.Header) && isRefusal(reply.Body):
		return []binding.Answer{providers.No(valid, "", providers.ReasonInvalid,
			message.New("bitbucket.observer-refused"))}
	}
	return []binding.Answer{p.noVerdict(valid, reply, err)}
}

// observerScope reads X-OAuth-Scopes in both formats. In the format of API
// tokens, the permission to write does not include the permission to read.
func observerScope(h http.Header) binding.Answer {
	question := binding.QuestionTokenScope
	header := h.Get("X-OAuth-Scopes")
	if header == "" {
		return providers.Unknown(question, providers.ReasonScopeUnseen, message.New("bitbucket.no-scopes"))
	}
	scopes := strings.Split(strings.ReplaceAll(header, " ", ""), ",")
	for _, enough := range []string{"repository", "repository:write", "repository:admin", "read:repository:bitbucket"} {
		if slices.Contains(scopes, enough) {
			return providers.Yes(question, providers.ReasonScopePresent, message.New("observer.sees-private", "scope", enough))
		}
	}
	return providers.No(question, "", providers.ReasonScopeMissing,
		message.New("observer.sees-public", "scopes", []string{"repository", "read:repository:bitbucket"}))
}
