package gitlab

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of this host.
const (
	ReasonValid         = "TokenActive"
	ReasonExpired       = "TokenExpired"
	ReasonRevoked       = "TokenRevoked"
	ReasonInactive      = "TokenInactive"
	ReasonImpersonation = "ImpersonationDisabled"
	ReasonPersonalToken = "PersonalToken"
	ReasonGranular      = "GranularToken"
	ReasonOAuthToken    = "OAuthToken"
	ReasonProjectToken  = "ProjectAccessToken"
	ReasonGroupToken    = "GroupAccessToken"
	ReasonBot           = "ServiceAccount"
	ReasonNotPersonal   = "NotAPersonalToken"
	ReasonRenamed       = "UserRenamed"
	ReasonBlocked       = "UserBlocked"
	ReasonDisagrees     = "AnswersDisagree"
	ReasonNotAGitLab    = "NotAGitLab"
	ReasonOldGitLab     = "GitLabTooOld"
	ReasonExpiryUnread  = "ExpiryUnreadable"
)

// tokenSelf is GET /personal_access_tokens/self. ExpiresAt is a plain date
// although the descriptions say date-time; null means that it never expires.
type tokenSelf struct {
	ID        int64    `json:"id"`
	Active    *bool    `json:"active"`
	Revoked   *bool    `json:"revoked"`
	Scopes    []string `json:"scopes"`
	UserID    int64    `json:"user_id"`
	ExpiresAt *string  `json:"expires_at"`
	Granular  bool     `json:"granular"`
}

// user is GET /user.
type user struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	State    string `json:"state"`
	Bot      bool   `json:"bot"`
}

// CheckToken implements providers.Provider. It asks for the token itself,
// which every scope may, and for the user that it acts as.
func (p *Provider) CheckToken(ctx context.Context, account binding.Account, _ []string, token secrets.Secret) binding.TokenReport {
	at := p.now()
	report := p.checkToken(ctx, account, token, at)
	report.Answers = providers.Finish(at, token, report.Answers)
	return report
}

func (p *Provider) checkToken(ctx context.Context, account binding.Account, token secrets.Secret, at time.Time) binding.TokenReport {
	if refused, ok := refuseUnsent(token); ok {
		return binding.TokenReport{Answers: []binding.Answer{refused}}
	}
	s, err := p.open(account.Address, token)
	if err != nil {
		return binding.TokenReport{Answers: providers.UnknownAll(providers.ReasonBadAddress,
			"GitLab was not asked: "+err.Error(), providers.QuestionTokenValid, providers.QuestionTokenScope, providers.QuestionTokenOwner)}
	}
	var self tokenSelf
	reply, err := s.get(ctx, "personal_access_tokens/self", &self)
	if err == nil && slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed}, reply.Status) {
		if answers := p.withoutSelf(ctx, s, account); answers != nil {
			return binding.TokenReport{Answers: answers}
		}
	}
	if err != nil || !reply.OK() {
		return binding.TokenReport{Answers: s.selfRefused(ctx, reply, err)}
	}
	if self.ID == 0 || self.UserID == 0 || self.Active == nil || self.Revoked == nil {
		return binding.TokenReport{Answers: providers.UnknownAll(providers.ReasonUnreadable,
			s.host+" answered without the token's id, user, active and revoked", providers.QuestionTokenValid, providers.QuestionTokenScope)}
	}
	expires, expiry := readExpiry(self.ExpiresAt)
	report := binding.TokenReport{Expires: expires}
	report.Answers = append(report.Answers, validity(self, expires, at), scope(s.host, self))
	report.Answers = append(report.Answers, expiry...)
	report.Answers = append(report.Answers, p.owner(ctx, s, account, self)...)
	return report
}

// withoutSelf asks for the user where the token's own description is refused: a
// GitLab before 15.5 does not have that call and answers it in several ways. It
// gives nothing where the user is refused too.
func (p *Provider) withoutSelf(ctx context.Context, s *session, account binding.Account) []binding.Answer {
	var u user
	reply, err := s.get(ctx, "user", &u)
	if err != nil || !reply.OK() || u.ID == 0 || u.Username == "" {
		return nil
	}
	if u.Bot {
		return []binding.Answer{botKind(u.Username)}
	}
	valid := providers.Yes(providers.QuestionTokenValid, ReasonValid, s.host+" accepts the token")
	if u.State != "" && u.State != "active" {
		valid = providers.No(providers.QuestionTokenValid, codeScope, ReasonBlocked, "the user "+u.Username+" is "+u.State+" at "+s.host)
	}
	return []binding.Answer{
		valid,
		providers.Unknown(providers.QuestionTokenScope, ReasonOldGitLab,
			s.host+" is older than GitLab 15.5 and does not tell a token's scopes; make sure that it has scope api"),
		p.sameOwner(s, account, u),
	}
}

// refuseUnsent rejects what can be recognized without a call, so that it is not
// sent anywhere.
func refuseUnsent(token secrets.Secret) (binding.Answer, bool) {
	if refused, ok := providers.RefuseUnsent(binding.GitLab, codeScope, token); ok {
		return refused, true
	}
	kinds := map[string]string{
		"gldt-": "deploy token", "glrt-": "runner token", "glrtr-": "runner token", "glcbt-": "job token",
		"glptt-": "trigger token", "glft-": "feed token", "glimt-": "mail token", "glagent-": "agent token",
		"glsoat-": "SCIM token", "gloas-": "OAuth application secret", "glffct-": "feature flag token", "glwt-": "workspace token",
	}
	prefix, _, _ := strings.Cut(token.Expose(), "-")
	if kind, ok := kinds[prefix+"-"]; ok {
		return providers.No(providers.QuestionTokenKind, codeScope, ReasonNotPersonal, "the secret holds a GitLab "+kind+
			"; make a personal access token with scope api"), true
	}
	return binding.Answer{}, false
}

// selfRefused reads what came instead of the token's own description.
func (s *session) selfRefused(ctx context.Context, reply providers.Reply, err error) []binding.Answer {
	valid := providers.QuestionTokenValid
	said := readRefusal(reply.Body)
	switch {
	case err != nil:
		return []binding.Answer{s.trouble(valid, reply, err)}
	case reply.Status == http.StatusUnauthorized && said.Error != "" && said.Error != "invalid_token":
		// Such as dpop_error: what is wrong is the way it was sent.
		return []binding.Answer{s.trouble(valid, reply, nil)}
	case reply.Status == http.StatusUnauthorized && providers.IsJSON(reply.Header):
		reason, why := refusedReason(reply.Body)
		return []binding.Answer{providers.No(valid, codeScope, reason, fmt.Sprintf(
			"%s refuses the token (401): %s; put a new one into the secret store", s.host, why))}
	case reply.Status == http.StatusUnauthorized:
		return []binding.Answer{s.notGitLab(valid, reply.Status)}
	case reply.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(string(reply.Body)), "personal access token"):
		return []binding.Answer{providers.No(providers.QuestionTokenKind, codeScope, ReasonOAuthToken,
			"the secret holds an OAuth access token, which ends within hours; make a personal access token with scope api")}
	case reply.Status == http.StatusForbidden && said.Error == "insufficient_granular_scope":
		return []binding.Answer{granularKind()}
	case reply.Status == http.StatusForbidden && said.Error == "insufficient_scope":
		return []binding.Answer{providers.No(providers.QuestionTokenScope, codeScope, providers.ReasonScopeMissing,
			"the token's scope is too small; make one with scope api")}
	case reply.Status == http.StatusNotFound:
		return s.oldGitLab(ctx, reply)
	}
	return []binding.Answer{s.trouble(valid, reply, nil)}
}

// oldGitLab distinguishes a GitLab before 15.5, which does not have this call,
// from something that is not a GitLab.
func (s *session) oldGitLab(ctx context.Context, reply providers.Reply) []binding.Answer {
	if !providers.IsJSON(reply.Header) {
		return []binding.Answer{s.notGitLab(providers.QuestionTokenValid, reply.Status)}
	}
	var version struct {
		Version string `json:"version"`
	}
	asked, err := s.get(ctx, "version", &version)
	switch {
	case err != nil || !asked.OK() && asked.Status != http.StatusUnauthorized:
		return []binding.Answer{s.trouble(providers.QuestionTokenValid, asked, err)}
	case asked.Status == http.StatusUnauthorized || version.Version == "":
		return []binding.Answer{s.notGitLab(providers.QuestionTokenValid, reply.Status)}
	}
	return []binding.Answer{
		providers.Yes(providers.QuestionTokenValid, ReasonValid, s.host+" accepts the token"),
		providers.Unknown(providers.QuestionTokenScope, ReasonOldGitLab,
			s.host+" is older than GitLab 15.5 and does not tell a token's scopes; make sure that it has scope api"),
	}
}

// readExpiry turns the date into the last good instant: the token dies at
// 00:00 UTC on the day itself.
func readExpiry(date *string) (time.Time, []binding.Answer) {
	if date == nil || *date == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, *date)
	if err != nil {
		if day, err = time.Parse(time.RFC3339, *date); err != nil {
			return time.Time{}, []binding.Answer{providers.Unknown(providers.QuestionTokenExpiry, ReasonExpiryUnread,
				"GitLab told the token's end in a form that is not known; declare spec.token.expires")}
		}
	}
	return day.UTC().Add(-time.Second), nil
}

func validity(self tokenSelf, expires, at time.Time) binding.Answer {
	question := providers.QuestionTokenValid
	switch {
	case *self.Revoked:
		return providers.No(question, codeScope, ReasonRevoked, "the token was revoked; put a new one into the secret store")
	case *self.Active:
		// GitLab's own clock decides, not ours.
		return providers.Yes(question, ReasonValid, "the token is active")
	case !expires.IsZero() && at.After(expires):
		return providers.No(question, codeScope, ReasonExpired,
			"the token's last day was "+expires.Format(time.DateOnly)+"; put a new one into the secret store")
	}
	return providers.No(question, codeScope, ReasonInactive, "the token is not active; put a new one into the secret store")
}

func scope(host string, self tokenSelf) binding.Answer {
	question := providers.QuestionTokenScope
	switch {
	case self.Granular:
		return providers.Unknown(question, ReasonGranular, "a fine-grained token has no list of scopes")
	case slices.Contains(self.Scopes, "api"):
		return providers.Yes(question, providers.ReasonScopePresent, "the token has scope api")
	case len(self.Scopes) == 0:
		return providers.Unknown(question, providers.ReasonUnreadable, host+" told no scopes of the token")
	}
	return providers.No(question, codeScope, providers.ReasonScopeMissing, fmt.Sprintf(
		"the token has scope %s and lacks api, which the product needs to set its callback; make a token with scope api",
		strings.Join(self.Scopes, ", ")))
}

func granularKind() binding.Answer {
	return providers.No(providers.QuestionTokenKind, codeScope, ReasonGranular,
		"the token is fine-grained; the product's documentation asks for a classic personal access token with scope api")
}

// owner asks whom the token acts as.
func (p *Provider) owner(ctx context.Context, s *session, account binding.Account, self tokenSelf) []binding.Answer {
	kind := []binding.Answer{}
	if self.Granular {
		kind = append(kind, granularKind())
	}
	question := providers.QuestionTokenOwner
	var u user
	reply, err := s.get(ctx, "user", &u)
	switch {
	case err != nil || !reply.OK():
		return append(kind, s.trouble(question, reply, err))
	case u.ID == 0 || u.Username == "":
		return append(kind, providers.Unknown(question, providers.ReasonUnreadable, s.host+" answered without the user's id and name"))
	case u.ID != self.UserID:
		return append(kind, providers.Unknown(question, ReasonDisagrees, fmt.Sprintf(
			"%s says that the token is user %d's and acts as user %d; nothing is concluded from that", s.host, self.UserID, u.ID)))
	case u.Bot:
		return append(kind, botKind(u.Username))
	}
	if !self.Granular {
		kind = append(kind, providers.Yes(providers.QuestionTokenKind, ReasonPersonalToken, "the token is a person's"))
	}
	if u.State != "" && u.State != "active" {
		kind = append(kind, providers.No(providers.QuestionTokenValid, codeScope, ReasonBlocked,
			"the user "+u.Username+" is "+u.State+" at "+s.host))
	}
	return append(kind, p.sameOwner(s, account, u))
}

// sameOwner compares the token's user with the declared one. If they match, it
// remembers the user's number, so that a renamed user can be distinguished from
// another person's token later.
func (p *Provider) sameOwner(s *session, account binding.Account, u user) binding.Answer {
	question := providers.QuestionTokenOwner
	key := "user " + s.root.String() + " " + strings.ToLower(account.Username)
	id := strconv.FormatInt(u.ID, 10)
	if binding.SameUsername(binding.GitLab, u.Username, account.Username) {
		p.pins.Set(key, id)
		return providers.Yes(question, providers.ReasonOwner, "the token belongs to "+u.Username)
	}
	if pinned, ok := p.pins.Get(key); ok && pinned == id {
		return providers.No(question, codeScope, ReasonRenamed, fmt.Sprintf(
			"the user %s is now named %s; declare that username", account.Username, u.Username))
	}
	return providers.No(question, codeScope, providers.ReasonOtherOwner, fmt.Sprintf(
		"the token belongs to %s (user %d), not to %s; put a token of %s into the secret store, or declare the name if the user was renamed",
		u.Username, u.ID, account.Username, account.Username))
}

func botKind(username string) binding.Answer {
	question := providers.QuestionTokenKind
	switch {
	case strings.HasPrefix(username, "project_"):
		return providers.No(question, codeScope, ReasonProjectToken,
			"the token is a project access token, which dies with its project; make a personal access token with scope api")
	case strings.HasPrefix(username, "group_"):
		return providers.No(question, codeScope, ReasonGroupToken,
			"the token is a group access token, which dies with its group; make a personal access token with scope api")
	}
	return providers.No(question, codeScope, ReasonBot,
		"the token is a service account's ("+username+"); make a personal access token of a person with scope api")
}
