// Package github asks GitHub whether an account exists and is personal, and
// whether repositories exist and belong to it. Public ones need no token; an
// observer token, which is never the binding's own (GitHub is bound by OAuth),
// lets private ones be seen.
package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v89/github"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// BaseURL is the API of github.com.
const BaseURL = "https://api.github.com"

const codePersonal = "github-personal"

// Reasons of this host.
const (
	ReasonPersonal     = "PersonalAccount"
	ReasonOrganization = "OrganizationAccount"
	ReasonBot          = "BotAccount"
	ReasonOtherKind    = "AccountOfAnotherKind"
	ReasonNoName       = "NameNotPossible"
)

var _ providers.Provider = (*Provider)(nil)

// Options for New.
type Options = providers.HostOptions

// Provider asks GitHub. Safe for concurrent use.
type Provider struct{ host providers.Host }

// New makes a Provider. A BaseURL that is no URL is an error.
func New(o Options) (*Provider, error) {
	host, err := o.Host(BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{host}, nil
}

// CheckToken implements providers.Provider: GitHub is bound by OAuth, so there
// is no token of the binding to ask about.
func (*Provider) CheckToken(context.Context, binding.Account, []string, secrets.Secret) binding.TokenReport {
	return binding.TokenReport{}
}

// CheckAccount implements providers.Provider.
func (p *Provider) CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) []binding.Answer {
	return providers.Finish(p.host.Now(), token, p.checkAccount(ctx, account.Username, token))
}

func (p *Provider) checkAccount(ctx context.Context, login string, token secrets.Secret) []binding.Answer {
	exists, personal := providers.QuestionAccountExists, providers.QuestionAccountPersonal
	if !isName(login) {
		return providers.UnknownAll(ReasonNoName, "GitHub was not asked: the username is none that an account can have", exists, personal)
	}
	api, err := p.open(token)
	if err != nil {
		return providers.UnknownAll(providers.ReasonMalformed, err.Error(), exists, personal)
	}
	user, resp, err := api.Users.Get(ctx, url.PathEscape(login))
	switch status := statusOf(resp); {
	case status == http.StatusNotFound && jsonAnswer(resp):
		return []binding.Answer{
			providers.No(exists, codePersonal, providers.ReasonAccountMissing, fmt.Sprintf("GitHub has no account %s; check the username", login)),
		}
	case status != http.StatusOK || err != nil:
		reason, message := p.trouble(resp, err)
		return providers.UnknownAll(reason, message, exists, personal)
	case user.GetLogin() == "" || user.GetType() == "":
		return providers.UnknownAll(providers.ReasonUnreadable, "GitHub answered without the account's login and type", exists, personal)
	}
	return []binding.Answer{
		providers.Yes(exists, providers.ReasonAccountExists, "GitHub has the account "+user.GetLogin()),
		kind(user.GetLogin(), user.GetType()),
	}
}

func kind(login, kind string) binding.Answer {
	question := providers.QuestionAccountPersonal
	switch kind {
	case "User":
		return providers.Yes(question, ReasonPersonal, login+" is a personal account")
	case "Organization":
		return providers.No(question, codePersonal, ReasonOrganization,
			login+" is an organization; only a personal account can be bound")
	case "Bot":
		return providers.No(question, codePersonal, ReasonBot, login+" is a bot; only a personal account can be bound")
	}
	return providers.Unknown(question, ReasonOtherKind, login+" is an account of a kind that is not known")
}

// CheckProject implements providers.Provider.
func (p *Provider) CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState {
	at := p.host.Now()
	state := binding.ProjectState{Subgroup: providers.No(providers.QuestionSubgroup, "", providers.ReasonNoSubgroups, "GitHub has no subgroups")}
	state.ID, state.Answers = p.checkProject(ctx, account, source, token)
	return providers.FinishProject(at, token, state)
}

func (p *Provider) checkProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) (id string, answers []binding.Answer) {
	question := providers.QuestionProjectExists
	api, err := p.open(token)
	if err != nil {
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonMalformed, err.Error())}
	}
	owner, name, nested := strings.Cut(strings.Trim(source, "/"), "/")
	if !nested {
		owner, name = account.Username, owner
	}
	if !isName(owner) || !isName(name) {
		return "", []binding.Answer{providers.Unknown(question, ReasonNoName, "GitHub was not asked: the source is not the path of a repository")}
	}
	repo, resp, err := api.Repositories.Get(ctx, url.PathEscape(owner), url.PathEscape(name))
	if statusOf(resp) >= 300 && statusOf(resp) < 400 {
		// The answer for a renamed or transferred repository has its number;
		// only that is used, and the question is asked again.
		if moved, ok := providers.RedirectedID(p.host.Base, resp.Header.Get("Location"), "/repositories/"); ok {
			if n, parsed := strconv.ParseInt(moved, 10, 64); parsed == nil {
				repo, resp, err = api.Repositories.GetByID(ctx, n)
			}
		}
	}
	switch status := statusOf(resp); {
	case status == http.StatusNotFound && jsonAnswer(resp):
		return "", []binding.Answer{p.notFound(ctx, api, account, owner+"/"+name, resp)}
	case status != http.StatusOK || err != nil:
		reason, message := p.trouble(resp, err)
		return "", []binding.Answer{providers.Unknown(question, reason, message)}
	case repo.GetID() == 0 || repo.GetFullName() == "" || repo.GetOwner().GetLogin() == "":
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonUnreadable,
			"GitHub answered without the repository's id, name and owner")}
	}
	return strconv.FormatInt(repo.GetID(), 10), p.describe(account, owner+"/"+name, repo)
}

// isName says whether a name can stand alone in a path: an empty one asks
// whose the token is, and dots lead elsewhere.
func isName(name string) bool {
	return name != "" && strings.Trim(name, ".") != "" && !strings.ContainsAny(name, "/\\?#%")
}

// notFound reads a 404, which covers a private repository too: it is a no only
// where the token is the account's own and sees private repositories.
func (p *Provider) notFound(ctx context.Context, api *github.Client, account binding.Account, path string, resp *github.Response) binding.Answer {
	question := providers.QuestionProjectExists
	owner, _, _ := strings.Cut(path, "/")
	scopes := strings.Split(strings.ReplaceAll(resp.Header.Get("X-OAuth-Scopes"), " ", ""), ",")
	if slices.Contains(scopes, "repo") && binding.SameUsername(binding.GitHub, owner, account.Username) {
		self, _, err := api.Users.Get(ctx, "")
		if err == nil && binding.SameUsername(binding.GitHub, self.GetLogin(), owner) {
			return providers.No(question, "", providers.ReasonNotVisible, "GitHub has no repository "+path+"; check the path")
		}
	}
	return providers.Unknown(question, providers.ReasonNotVisible,
		"GitHub shows no repository "+path+" to this question: it is private, or it does not exist; an observer token of the account would tell")
}

// describe turns a repository that was read into answers.
func (p *Provider) describe(account binding.Account, path string, repo *github.Repository) []binding.Answer {
	found := providers.Project{Noun: "repository", ID: strconv.FormatInt(repo.GetID(), 10), Path: repo.GetFullName()}
	owner := providers.Ownership(account, binding.GitHub, repo.GetOwner().GetLogin())
	if repo.GetOwner().GetType() == "Organization" {
		owner = providers.No(owner.Question, codePersonal, ReasonOrganization,
			"the repository belongs to the organization "+repo.GetOwner().GetLogin()+"; only repositories of personal accounts can be built")
	}
	return append(p.host.Pins.Describe(strings.ToLower(path), path, found), owner, providers.Active(found.Noun, repo.GetArchived()))
}

// open makes a client for one check.
func (p *Provider) open(token secrets.Secret) (*github.Client, error) {
	base := p.host.Base.String() + "/"
	opts := []github.ClientOptionsFunc{
		github.WithHTTPClient(p.host.Client), github.WithURLs(&base, nil),
		github.WithUserAgent("reconciler"), github.WithDisableRateLimitCheck(),
	}
	if !token.IsZero() {
		if why := providers.Malformed(token); why != "" {
			return nil, errors.New("GitHub was not asked: the observer token " + why)
		}
		if host := providers.ForeignHost(binding.GitHub, token); host != "" {
			return nil, errors.New("GitHub was not asked: the observer token is one of " + host)
		}
		opts = append(opts, github.WithAuthToken(token.Expose()))
	}
	api, err := github.NewClient(opts...)
	if err != nil {
		return nil, errors.New("GitHub was not asked: its client does not take the configuration")
	}
	return api, nil
}

// trouble reads what is no verdict. GitHub's 403 may be a limit, a permission
// or a missing User-Agent; none of them is a no.
func (p *Provider) trouble(resp *github.Response, err error) (reason, message string) {
	host := p.host.Base.Host
	var primary *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	switch {
	case errors.As(err, &primary), errors.As(err, &secondary):
		return providers.Status(host, http.StatusTooManyRequests, nil)
	case statusOf(resp) != 0 && statusOf(resp) != http.StatusOK:
		return providers.Status(host, statusOf(resp), resp.Header)
	}
	return providers.Trouble(host, err)
}

func statusOf(resp *github.Response) int {
	if resp == nil || resp.Response == nil {
		return 0
	}
	return resp.StatusCode
}

// jsonAnswer says that a refusal came from the API and not from something in
// front of it.
func jsonAnswer(resp *github.Response) bool { return providers.IsJSON(resp.Header) }
