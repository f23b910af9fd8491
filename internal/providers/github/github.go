// Package github checks whether a GitHub account exists and is personal, and
// whether repositories exist and belong to it. Public repositories need no
// token. An observer token makes private ones visible; it is never the
// binding's own, because GitHub is bound by OAuth.
package github

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v89/github"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// BaseURL is the API of github.com.
const BaseURL = "https://api.github.com"

const codePersonal = "github-personal"

// Reasons of this host's answers.
const (
	ReasonPersonal     = "PersonalAccount"
	ReasonOrganization = "OrganizationAccount"
	ReasonBot          = "BotAccount"
	ReasonOtherKind    = "AccountOfAnotherKind"
	ReasonNoName       = "NameNotPossible"
)

var _ providers.Provider = (*Provider)(nil)

// Options are the options of New.
type Options = providers.HostOptions

// Provider checks accounts and projects on GitHub. It is safe for concurrent
// use.
type Provider struct{ host providers.Host }

// New makes a Provider. An invalid BaseURL is an error.
func New(o Options) (*Provider, error) {
	host, err := o.Host(BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{host}, nil
}

// CheckToken implements providers.Provider. GitHub is bound by OAuth, so a
// binding has no token to check.
func (*Provider) CheckToken(context.Context, binding.Account, []string, secrets.Secret) binding.TokenReport {
	return binding.TokenReport{}
}

// CheckAccount implements providers.Provider.
func (p *Provider) CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport {
	return providers.FinishReport(p.host.Now(), token, p.checkAccount(ctx, account, token))
}

func (p *Provider) checkAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport {
	exists, personal, login := binding.QuestionAccountExists, binding.QuestionAccountPersonal, account.Username
	unknown := func(reason string, m message.Message) binding.TokenReport {
		return binding.TokenReport{Answers: providers.UnknownAll(reason, m, exists, personal)}
	}
	if !isName(login) {
		return unknown(ReasonNoName, notAsked(message.New("github.no-name")))
	}
	api, why := p.open(token)
	if api == nil {
		return unknown(providers.ReasonMalformed, why)
	}
	user, resp, err := api.Users.Get(ctx, url.PathEscape(login))
	switch status := statusOf(resp); {
	case status == http.StatusNotFound && refuses(resp, err, noSuch):
		answers := p.identity(ctx, api, account, binding.HostUser{})
		return binding.TokenReport{Answers: append(answers,
			providers.No(exists, codePersonal, providers.ReasonAccountMissing, message.New("github.no-account", "login", login)))}
	case status != http.StatusOK || err != nil:
		return unknown(p.noVerdict(resp, err))
	case user.GetLogin() == "" || user.GetType() == "" || user.GetID() == 0:
		return unknown(providers.ReasonUnreadable, message.New("github.no-account-fields"))
	}
	named := hostUser(user)
	return binding.TokenReport{User: providers.Known(account, named), Answers: append(p.identity(ctx, api, account, named),
		providers.Yes(exists, providers.ReasonAccountExists, message.New("github.account", "login", named.Name)),
		kind(named.Name, user.GetType()),
	)}
}

func hostUser(user *github.User) binding.HostUser {
	return binding.HostUser{ID: strconv.FormatInt(user.GetID(), 10), Name: user.GetLogin()}
}

// identity compares the account that has the declared name with the known one.
// If they differ, it asks for the current name of the known one.
func (p *Provider) identity(ctx context.Context, api *github.Client, account binding.Account, named binding.HostUser) []binding.Answer {
	var now binding.HostUser
	if id, err := strconv.ParseInt(account.UserID, 10, 64); err == nil && account.UserID != named.ID {
		user, resp, err := api.Users.GetByID(ctx, id)
		if err == nil && statusOf(resp) == http.StatusOK && user.GetID() == id && !binding.SameUsername(binding.GitHub, user.GetLogin(), account.Username) {
			now = hostUser(user)
		}
	}
	return providers.Identity(account, codePersonal, named, now)
}

func kind(login, kind string) binding.Answer {
	question := binding.QuestionAccountPersonal
	switch kind {
	case "User":
		return providers.Yes(question, ReasonPersonal, message.New("github.personal", "login", login))
	case "Organization":
		return providers.No(question, codePersonal, ReasonOrganization,
			message.New("github.organization", "login", login))
	case "Bot":
		return providers.No(question, codePersonal, ReasonBot, message.New("github.bot", "login", login))
	}
	return providers.Unknown(question, ReasonOtherKind, message.New("github.other-kind", "login", login))
}

// CheckProject implements providers.Provider.
func (p *Provider) CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState {
	at := p.host.Now()
	state := binding.ProjectState{Subgroup: providers.No(binding.QuestionSubgroup, "", providers.ReasonNoSubgroups, message.New("project.no-subgroups", "platform", binding.GitHub.Title()))}
	state.ID, state.Answers = p.checkProject(ctx, account, source, token)
	return providers.FinishProject(at, token, state)
}

func (p *Provider) checkProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) (id string, answers []binding.Answer) {
	question := binding.QuestionProjectExists
	api, why := p.open(token)
	if api == nil {
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonMalformed, why)}
	}
	owner, name, nested := strings.Cut(strings.Trim(source, "/"), "/")
	if !nested {
		owner, name = account.Username, owner
	}
	if !isName(owner) || !isName(name) {
		return "", []binding.Answer{providers.Unknown(question, ReasonNoName, notAsked(message.New("github.no-path")))}
	}
	repo, resp, err := api.Repositories.Get(ctx, url.PathEscape(owner), url.PathEscape(name))
	if statusOf(resp) >= 300 && statusOf(resp) < 400 {
		// The redirect for a renamed or transferred repository has its number.
		// Only the number is used, for another request.
		if moved, ok := providers.RedirectedID(p.host.Base, resp.Header.Get("Location"), "/repositories/"); ok {
			if n, parsed := strconv.ParseInt(moved, 10, 64); parsed == nil {
				repo, resp, err = api.Repositories.GetByID(ctx, n)
			}
		}
	}
	switch status := statusOf(resp); {
	case status == http.StatusNotFound && refuses(resp, err, noSuch):
		return "", []binding.Answer{p.notFound(ctx, api, account, owner+"/"+name, resp)}
	case status != http.StatusOK || err != nil:
		reason, m := p.noVerdict(resp, err)
		return "", []binding.Answer{providers.Unknown(question, reason, m)}
	case repo.GetID() == 0 || repo.GetFullName() == "" || repo.GetOwner().GetLogin() == "":
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonUnreadable,
			message.New("github.no-repository-fields"))}
	}
	return strconv.FormatInt(repo.GetID(), 10), p.describe(account, owner+"/"+name, repo)
}

// isName reports whether a name can be a segment of a path: an empty one would
// ask for the token's owner, and dots would lead elsewhere.
func isName(name string) bool {
	return name != "" && strings.Trim(name, ".") != "" && !strings.ContainsAny(name, "/\\?#%")
}

// notFound interprets a 404. GitHub also sends it for a private repository, so
// it is a no only if the token is the account's own and sees private
// repositories.
func (p *Provider) notFound(ctx context.Context, api *github.Client, account binding.Account, path string, resp *github.Response) binding.Answer {
	question := binding.QuestionProjectExists
	owner, _, _ := strings.Cut(path, "/")
	scopes := strings.Split(strings.ReplaceAll(resp.Header.Get("X-OAuth-Scopes"), " ", ""), ",")
	if slices.Contains(scopes, "repo") && binding.SameUsername(binding.GitHub, owner, account.Username) {
		self, _, err := api.Users.Get(ctx, "")
		if err == nil && binding.SameUsername(binding.GitHub, self.GetLogin(), owner) {
			return providers.No(question, "", providers.ReasonNotVisible, message.New("github.no-repository", "path", path))
		}
	}
	return providers.Unknown(question, providers.ReasonNotVisible,
		message.New("github.not-shown", "path", path))
}

// describe returns the answers about a repository.
func (p *Provider) describe(account binding.Account, path string, repo *github.Repository) []binding.Answer {
	found := providers.Project{Noun: "repository", ID: strconv.FormatInt(repo.GetID(), 10), Path: repo.GetFullName()}
	owner := providers.Ownership(account, binding.GitHub, hostUser(repo.GetOwner()))
	if repo.GetOwner().GetType() == "Organization" {
		owner = providers.No(owner.Question, codePersonal, ReasonOrganization,
			message.New("github.of-organization", "login", repo.GetOwner().GetLogin()))
	}
	return append(p.host.Pins.Describe(strings.ToLower(path), path, found), owner, active(found.Noun, repo))
}

// active says whether a repository can be pushed to and built. GitHub may
// disable one because of its content or an unpaid bill.
func active(noun string, repo *github.Repository) binding.Answer {
	if repo.GetDisabled() {
		return providers.No(binding.QuestionProjectActive, "", providers.ReasonDisabled, message.New("github.disabled"))
	}
	return providers.Active(noun, repo.GetArchived())
}

// open makes a client for one check. why says why there is none.
func (p *Provider) open(token secrets.Secret) (client *github.Client, why message.Message) {
	base := p.host.Base.String() + "/"
	opts := []github.ClientOptionsFunc{
		github.WithHTTPClient(p.host.Client), github.WithURLs(&base, nil),
		github.WithUserAgent("reconciler"), github.WithDisableRateLimitCheck(),
	}
	if !token.IsZero() {
		if why := providers.Malformed(token); !why.IsZero() {
			return nil, notAsked(message.New("observer.malformed", "why", why))
		}
		if host := providers.ForeignHost(binding.GitHub, token); host != "" {
			return nil, notAsked(message.New("observer.of-another-host", "host", host))
		}
		opts = append(opts, github.WithAuthToken(token.Expose()))
	}
	api, err := github.NewClient(opts...)
	if err != nil {
		return nil, notAsked(message.New("github.no-client"))
	}
	return api, message.Message{}
}

func notAsked(why message.Message) message.Message {
	return message.New("host.not-asked", "platform", binding.GitHub.Title(), "why", why)
}

// noVerdict interprets a failed call or an inconclusive answer. GitHub's 403
// may be a limit, a permission or a missing User-Agent; none of them is a no.
func (p *Provider) noVerdict(resp *github.Response, err error) (reason string, m message.Message) {
	host := p.host.Base.Host
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	switch {
	case errors.As(err, &primary), errors.As(err, &secondary):
		return providers.Status(host, http.StatusTooManyRequests, nil)
	case statusOf(resp) != 0 && statusOf(resp) != http.StatusOK:
		return providers.Status(host, statusOf(resp), resp.Header)
	}
	return providers.OfError(host, err)
}

func statusOf(resp *github.Response) int {
	if resp == nil || resp.Response == nil {
		return 0
	}
	return resp.StatusCode
}

// The messages of GitHub's conclusive refusals.
const (
	noSuch    = "Not Found"
	noSession = "Bad credentials"
)

// refuses reports whether a refusal with this message came from the API and not
// from something in front of it, which may also answer in JSON.
func refuses(resp *github.Response, err error, message string) bool {
	refusal, ok := errors.AsType[*github.ErrorResponse](err)
	return ok && providers.IsJSON(resp.Header) && refusal.Message == message
}
