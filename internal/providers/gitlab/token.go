package gitlab

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// Reasons of this host's answers.
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
	ReasonBlocked       = "UserBlocked"
	ReasonDisagrees     = "AnswersDisagree"
	ReasonNotAGitLab    = "NotAGitLab"
	ReasonOldGitLab     = "GitLabTooOld"
	ReasonExpiryUnread  = "ExpiryUnreadable"
)

// tokenSelf is the answer to GET /personal_access_tokens/self. ExpiresAt is a
// plain date, although the descriptions say date-time; null means that the
// token never expires.
type tokenSelf struct {
	ID        int64    `json:"id"`
	Active    *bool    `json:"active"`
	Revoked   *bool    `json:"revoked"`
	Scopes    []string `json:"scopes"`
	UserID    int64    `json:"user_id"`
	ExpiresAt *string  `json:"expires_at"`
	Granular  bool     `json:"granular"`
}

// user is the answer to GET /user.
type user struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
	State    string `json:"state"`
	Bot      bool   `json:"bot"`
}

// CheckToken implements providers.Provider. It requests the token itself, which
// every scope may do, and the user that it acts as.
func (p *Provider) CheckToken(ctx context.Context, account binding.Account, _ []string, token secrets.Secret) binding.TokenReport {
	at := p.now()
	report := p.checkToken(ctx, account, token, at)
	return providers.FinishReport(at, token, report)
}

func (p *Provider) checkToken(ctx context.Context, account binding.Account, token secrets.Secret, at time.Time) binding.TokenReport {
	if refused, ok := refuseUnsent(token); ok {
		return binding.TokenReport{Answers: []binding.Answer{refused}}
	}
	s, ok := p.open(account.Address, token)
	if !ok {
		return binding.TokenReport{Answers: providers.UnknownAll(providers.ReasonBadAddress,
			message.New("gitlab.bad-address"), binding.QuestionTokenValid, binding.QuestionTokenScope, binding.QuestionTokenOwner)}
	}
	var self tokenSelf
	reply, err := s.get(ctx, "personal_access_tokens/self", &self)
	if err == nil && slices.Contains([]int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed}, reply.Status) {
		if report := p.withoutSelf(ctx, s, account, reply); report.Answers != nil {
			return report
		}
	}
	if err != nil || !reply.OK() {
		return binding.TokenReport{Answers: s.selfRefused(ctx, reply, err)}
	}
	if self.ID == 0 || self.UserID == 0 || self.Active == nil || self.Revoked == nil {
		return binding.TokenReport{Answers: providers.UnknownAll(providers.ReasonUnreadable,
			message.New("gitlab.no-token-fields", "host", s.host), binding.QuestionTokenValid, binding.QuestionTokenScope)}
	}
	expires, expiry := readExpiry(self.ExpiresAt)
	report := binding.TokenReport{Expires: expires}
	report.Answers = append(report.Answers, validity(self, expires, at), scope(s.host, self))
	report.Answers = append(report.Answers, expiry...)
	owned, is := p.owner(ctx, s, account, self)
	report.Answers, report.User = append(report.Answers, owned...), is
	return report
}

// withoutSelf requests the user after GitLab has refused the token's own
// description: a GitLab before 15.5 does not have that call and answers it in
// several ways. It returns nothing if the user is refused too, because the
// first refusal says more.
func (p *Provider) withoutSelf(ctx context.Context, s *session, account binding.Account, first providers.Reply) (report binding.TokenReport) {
	var u user
	reply, err := s.get(ctx, "user", &u)
	switch {
	case err == nil && reply.OK() && u.ID != 0 && u.Username != "":
	case first.Status == http.StatusUnauthorized && readRefusal(first.Body).Error == "":
		// This GitLab may not have the first call: the second one decides.
		report.Answers = s.selfRefused(ctx, reply, err)
		return report
	default:
		return report
	}
	valid := providers.Yes(binding.QuestionTokenValid, ReasonValid, message.New("host.accepts-token", "host", s.host))
	if u.State != "" && u.State != "active" {
		valid = providers.No(binding.QuestionTokenValid, codeScope, ReasonBlocked, message.New("gitlab.user-state", "username", u.Username, "state", message.Foreign(u.State), "host", s.host))
	}
	report.Answers = []binding.Answer{
		valid,
		providers.Unknown(binding.QuestionTokenScope, ReasonOldGitLab,
			message.New("gitlab.old", "host", s.host)),
	}
	if u.Bot {
		report.Answers = append(report.Answers, botKind(u.Username))
	}
	owned, is := p.sameOwner(s, account, u)
	report.Answers, report.User = append(report.Answers, owned), is
	return report
}

// refuseUnsent rejects a token that is certainly wrong, so that it is not sent
// anywhere.
func refuseUnsent(token secrets.Secret) (binding.Answer, bool) {
	if refused, ok := providers.RefuseUnsent(binding.GitLab, codeScope, token); ok {
		return refused, true
	}
	kinds := map[string]string{
		"gldt-": "deploy", "glrt-": "runner", "glrtr-": "runner", "glcbt-": "job",
		"glptt-": "trigger", "glft-": "feed", "glimt-": "mail", "glagent-": "agent",
		"glsoat-": "scim", "gloas-": "oauth-application", "glffct-": "feature-flag", "glwt-": "workspace",
	}
	prefix, _, _ := strings.Cut(token.Expose(), "-")
	if kind, ok := kinds[prefix+"-"]; ok {
		return providers.No(binding.QuestionTokenKind, codeScope, ReasonNotPersonal, message.New("gitlab.other-kind", "kind", message.New("gitlab.kind."+kind))), true
	}
	return binding.Answer{}, false
}

// selfRefused interprets an error answer to the request for the token's own
// description.
func (s *session) selfRefused(ctx context.Context, reply providers.Reply, err error) []binding.Answer {
	valid := binding.QuestionTokenValid
	said := readRefusal(reply.Body)
	switch {
	case err != nil:
		return []binding.Answer{s.noVerdict(valid, reply, err)}
	case reply.Status == http.StatusUnauthorized && !providers.IsJSON(reply.Header):
		return []binding.Answer{s.notGitLab(valid, reply.Status)}
	case !providers.IsJSON(reply.Header):
	case reply.Status == http.StatusUnauthorized && said.ofToken():
		reason, why := refusedReason(reply.Body)
		return []binding.Answer{providers.No(valid, codeScope, reason, message.New("gitlab.refused", "host", s.host, "why", why))}
	case reply.Status == http.StatusBadRequest && strings.Contains(strings.ToLower(string(reply.Body)), "personal access token"):
		return []binding.Answer{providers.No(binding.QuestionTokenKind, codeScope, ReasonOAuthToken,
			message.New("gitlab.oauth"))}
	case reply.Status == http.StatusForbidden && said.Error == "insufficient_granular_scope":
		return []binding.Answer{granularKind()}
	case reply.Status == http.StatusForbidden && said.Error == "insufficient_scope":
		return []binding.Answer{providers.No(binding.QuestionTokenScope, codeScope, providers.ReasonScopeMissing,
			message.New("gitlab.small-scope"))}
	}
	if err == nil && reply.Status == http.StatusNotFound {
		return s.oldGitLab(ctx, reply)
	}
	return []binding.Answer{s.noVerdict(valid, reply, nil)}
}

// oldGitLab distinguishes a GitLab before 15.5, which does not have this call,
// from something that is not a GitLab.
func (s *session) oldGitLab(ctx context.Context, reply providers.Reply) []binding.Answer {
	if !providers.IsJSON(reply.Header) {
		return []binding.Answer{s.notGitLab(binding.QuestionTokenValid, reply.Status)}
	}
	var version struct {
		Version string `json:"version"`
	}
	asked, err := s.get(ctx, "version", &version)
	switch {
	case err != nil || !asked.OK() && asked.Status != http.StatusUnauthorized:
		return []binding.Answer{s.noVerdict(binding.QuestionTokenValid, asked, err)}
	case asked.Status == http.StatusUnauthorized || version.Version == "":
		return []binding.Answer{s.notGitLab(binding.QuestionTokenValid, reply.Status)}
	}
	return []binding.Answer{
		providers.Yes(binding.QuestionTokenValid, ReasonValid, message.New("host.accepts-token", "host", s.host)),
		providers.Unknown(binding.QuestionTokenScope, ReasonOldGitLab,
			message.New("gitlab.old", "host", s.host)),
	}
}

// readExpiry converts the date to the time of the expiry: the token expires at
// 00:00 UTC on that day.
func readExpiry(date *string) (time.Time, []binding.Answer) {
	if date == nil || *date == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, *date)
	if err != nil {
		if day, err = time.Parse(time.RFC3339, *date); err != nil {
			return time.Time{}, []binding.Answer{providers.Unknown(binding.QuestionTokenExpiry, ReasonExpiryUnread,
				message.New("gitlab.odd-expiry"))}
		}
	}
	return day.UTC().Add(-time.Second), nil
}

func validity(self tokenSelf, expires, at time.Time) binding.Answer {
	question := binding.QuestionTokenValid
	switch {
	case *self.Revoked:
		return providers.No(question, codeScope, ReasonRevoked, message.New("gitlab.revoked"))
	case *self.Active:
		// GitLab's own clock decides, not ours.
		return providers.Yes(question, ReasonValid, message.New("gitlab.active"))
	case !expires.IsZero() && at.After(expires):
		return providers.No(question, codeScope, ReasonExpired, message.New("gitlab.expired", "last", binding.DateOf(expires)))
	}
	return providers.No(question, codeScope, ReasonInactive, message.New("gitlab.inactive"))
}

func scope(host string, self tokenSelf) binding.Answer {
	question := binding.QuestionTokenScope
	switch {
	case self.Granular:
		return providers.Unknown(question, ReasonGranular, message.New("gitlab.granular-scope"))
	case slices.Contains(self.Scopes, "api"):
		return providers.Yes(question, providers.ReasonScopePresent, message.New("gitlab.scope"))
	case len(self.Scopes) == 0:
		return providers.Unknown(question, providers.ReasonUnreadable, message.New("gitlab.no-scopes", "host", host))
	}
	return providers.No(question, codeScope, providers.ReasonScopeMissing, message.New("gitlab.scope-missing", "scopes", self.Scopes))
}

func granularKind() binding.Answer {
	return providers.No(binding.QuestionTokenKind, codeScope, ReasonGranular,
		message.New("gitlab.granular"))
}

// owner requests the user that the token acts as. The returned user is zero if
// it is not the declared one.
func (p *Provider) owner(ctx context.Context, s *session, account binding.Account, self tokenSelf) (kind []binding.Answer, is binding.HostUser) {
	if self.Granular {
		kind = append(kind, granularKind())
	}
	question := binding.QuestionTokenOwner
	var u user
	reply, err := s.get(ctx, "user", &u)
	switch {
	case err != nil || !reply.OK():
		return append(kind, s.noVerdict(question, reply, err)), is
	case u.ID == 0 || u.Username == "":
		return append(kind, providers.Unknown(question, providers.ReasonUnreadable, message.New("gitlab.no-user-fields", "host", s.host))), is
	case u.ID != self.UserID && binding.SameUsername(binding.GitLab, u.Username, account.Username):
		return append(kind, providers.Unknown(question, ReasonDisagrees, message.New("gitlab.users-disagree",
			"host", s.host, "owner", self.UserID, "user", u.ID))), is
	}
	switch {
	case self.Granular:
	case u.Bot:
		kind = append(kind, botKind(u.Username))
	default:
		kind = append(kind, providers.Yes(binding.QuestionTokenKind, ReasonPersonalToken, message.New("gitlab.personal")))
	}
	if u.State != "" && u.State != "active" {
		kind = append(kind, providers.No(binding.QuestionTokenValid, codeScope, ReasonBlocked,
			message.New("gitlab.user-state", "username", u.Username, "state", message.Foreign(u.State), "host", s.host)))
	}
	owned, is := p.sameOwner(s, account, u)
	return append(kind, owned), is
}

// sameOwner compares the token's user with the declared one, by name and by the
// number that is recorded or was seen before: a renamed user keeps its number,
// and a user who takes the name has a different one. The user is zero if they
// differ.
func (p *Provider) sameOwner(s *session, account binding.Account, u user) (binding.Answer, binding.HostUser) {
	question := binding.QuestionTokenOwner
	key := "user " + s.root.String() + " " + strings.ToLower(account.Username)
	if pinned, ok := p.pins.Get(key); ok && account.UserID == "" {
		account.UserID = pinned
	}
	is := binding.HostUser{ID: strconv.FormatInt(u.ID, 10), Name: u.Username}
	if no, other := providers.OtherUser(account, binding.GitLab, codeScope, is); other {
		return no, binding.HostUser{}
	}
	if !binding.SameUsername(binding.GitLab, u.Username, account.Username) {
		return providers.No(question, codeScope, providers.ReasonOtherOwner, message.New("gitlab.other-owner",
			"username", u.Username, "id", u.ID, "declared", account.Username)), binding.HostUser{}
	}
	p.pins.Set(key, is.ID)
	return providers.Yes(question, providers.ReasonOwner, message.New("gitlab.owner", "username", u.Username)), is
}

// botKind warns about a token that does not belong to a person: it works,
// within limits.
func botKind(username string) binding.Answer {
	question := binding.QuestionTokenKind
	switch {
	case strings.HasPrefix(username, "project_"):
		return providers.Warn(question, codeKind, ReasonProjectToken, message.New("gitlab.project-token"))
	case strings.HasPrefix(username, "group_"):
		return providers.Warn(question, codeKind, ReasonGroupToken, message.New("gitlab.group-token"))
	}
	return providers.Warn(question, codeKind, ReasonBot, message.New("gitlab.bot", "username", username))
}
