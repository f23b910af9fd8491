package codeup

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of this host's answers.
const (
	ReasonUnproven        = "IdentityUnproven"
	ReasonPersonalToken   = "PersonalToken"
	ReasonOAuthToken      = "OAuthToken"
	ReasonOwner           = "CloneUsernameMatches"
	ReasonOtherOwner      = "OtherCloneUsername"
	ReasonLogin           = "LoginInsteadOfCloneUsername"
	ReasonGranted         = "PermissionGranted"
	ReasonMissing         = "PermissionMissing"
	ReasonNoOrganization  = "OrganizationUnknown"
	ReasonNoProject       = "NoProjectDeclared"
	ReasonProjectUnread   = "ProjectNotFound"
	ReasonCleanupRequired = "ProbeNotCleanedUp"
)

// person has the fields used from GET /platform/user. Only the ID is required,
// because it is not documented which other fields always exist.
type person struct {
	ID               string `json:"id"`
	Username         string `json:"username"`
	LastOrganization string `json:"lastOrganization"`
}

// organization is one entry of GET /platform/organizations.
type organization struct {
	ID string `json:"id"`
}

// CheckToken implements providers.Provider. It checks the permissions for
// branches, tags and webhooks in one of the sources; without sources, those
// three stay unknown.
func (p *Provider) CheckToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret) binding.TokenReport {
	at := p.host.Now()
	var report binding.TokenReport
	report.Answers = p.checkToken(ctx, account, sources, token, &report.User)
	return providers.FinishReport(at, token, report)
}

func (p *Provider) checkToken(ctx context.Context, account binding.Account, sources []string, token secrets.Secret, is *binding.HostUser) []binding.Answer {
	if refused, ok := refuseUnsent(token); ok {
		return []binding.Answer{refused}
	}
	s := &session{p: p, token: token}
	valid := binding.QuestionTokenValid
	var who person
	reply, err := s.get(ctx, "/platform/user", &who)
	var answers []binding.Answer
	switch {
	case err == nil && reply.OK() && who.ID == "":
		return append(answers, providers.Unknown(valid, providers.ReasonUnreadable, message.New("host.no-token-user", "platform", binding.Codeup.Title())))
	case err == nil && reply.OK():
		answers = append(answers, providers.Yes(valid, providers.ReasonAccepted, message.New("host.accepts-token", "host", binding.Codeup.Title())))
	case err == nil && refusesToken(reply):
		return append(answers, providers.No(valid, codePermissions, providers.ReasonInvalid,
			message.New("codeup.refused")))
	case err == nil && forbidden(reply):
		// The least-privilege list does not include the permission for this
		// request, so Codeup may refuse it although the token is good.
		answers = append(answers, providers.Yes(valid, ReasonUnproven,
			message.New("codeup.unproven")))
	default:
		return append(answers, s.noVerdict(valid, reply, err))
	}
	answers = append(answers, providers.Yes(binding.QuestionTokenKind, ReasonPersonalToken, message.New("codeup.personal")))
	if unknown, ok := s.find(ctx, who, sources); !ok {
		return append(append(answers, providers.Unknown(binding.QuestionTokenOwner, unknown.Reason, unknown.Message)),
			providers.UnknownAll(unknown.Reason, unknown.Message, permissionQuestions()...)...)
	}
	owned := s.owner(ctx, account, who)
	if owned.Verdict == binding.Yes {
		*is = binding.HostUser{ID: who.ID, Name: account.Username}
	}
	answers = append(answers, owned)
	return append(answers, s.permissions(ctx, sources)...)
}

// refuseUnsent rejects what can be recognized without a call.
func refuseUnsent(token secrets.Secret) (binding.Answer, bool) {
	if refused, ok := providers.RefuseUnsent(binding.Codeup, codePermissions, token); ok {
		return refused, true
	}
	for _, prefix := range []string{"oat-", "ort-"} {
		if strings.HasPrefix(token.Expose(), prefix) {
			return providers.No(binding.QuestionTokenKind, codePermissions, ReasonOAuthToken,
				message.New("codeup.oauth")), true
		}
	}
	return binding.Answer{}, false
}

// find determines the organization: the configured one, else the one that a
// source path begins with, else the only one that the token sees.
func (s *session) find(ctx context.Context, who person, sources []string) (unknown binding.Answer, ok bool) {
	if s.p.o.Region {
		return unknown, true
	}
	if s.org = s.p.o.Organization; s.org != "" {
		return unknown, true
	}
	var seen []organization
	reply, err := s.get(ctx, "/platform/organizations", &seen)
	if err != nil || !reply.OK() && reply.Status != http.StatusForbidden {
		return s.noVerdict(binding.QuestionTokenOwner, reply, err), false
	}
	for _, source := range sources {
		first, _, nested := strings.Cut(strings.Trim(source, "/"), "/")
		for _, o := range seen {
			if nested && o.ID == first {
				s.org = first
				return unknown, true
			}
		}
	}
	if len(seen) == 1 && seen[0].ID != "" {
		s.org = seen[0].ID
		return unknown, true
	}
	if who.ID == "" {
		// After a refusal, who is empty and the organization unknown.
		_, _ = s.get(ctx, "/platform/user", &who)
	}
	s.org = who.LastOrganization
	if s.org == "" {
		return providers.Unknown(binding.QuestionTokenOwner, ReasonNoOrganization,
			message.New("codeup.no-organization")), false
	}
	return unknown, true
}

// owner compares the clone username of the token's user, exactly. The
// least-privilege list does not include this call either.
func (s *session) owner(ctx context.Context, account binding.Account, who person) binding.Answer {
	question := binding.QuestionTokenOwner
	if who.ID == "" {
		return providers.Unknown(question, ReasonUnproven,
			message.New("codeup.owner-unproven"))
	}
	var clone struct {
		Username string `json:"httpsCloneUsername"`
	}
	reply, err := s.get(ctx, s.in("codeup", "/users/"+url.PathEscape(who.ID)+"/httpsCloneUsername"), &clone)
	no, other := providers.OtherUser(account, binding.Codeup, codeUsername, binding.HostUser{ID: who.ID, Name: clone.Username})
	switch {
	case err != nil || !reply.OK():
		return s.noVerdict(question, reply, err)
	case clone.Username == "":
		return providers.Unknown(question, providers.ReasonUnreadable, message.New("codeup.no-clone-username"))
	case other && no.Reason == providers.ReasonAccountTaken, other && account.Username != who.Username:
		return no
	case binding.SameUsername(binding.Codeup, clone.Username, account.Username):
		return providers.Yes(question, ReasonOwner, message.New("codeup.owner", "username", clone.Username))
	case account.Username == who.Username:
		return providers.No(question, codeUsername, ReasonLogin, message.New("codeup.login",
			"declared", account.Username, "username", clone.Username))
	}
	return providers.No(question, codeUsername, ReasonOtherOwner, message.New("codeup.other-owner",
		"username", clone.Username, "declared", account.Username))
}

// probeHook has the fields used of the probe's webhook.
type probeHook struct {
	ID json.Number `json:"id"`
}
