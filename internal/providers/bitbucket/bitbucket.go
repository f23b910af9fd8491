// Package bitbucket checks whether a workspace of Bitbucket Cloud exists and
// where its repositories are. It uses net/http, because no library supports
// both cancelling a call and reading its headers. Public repositories need no
// token. An observer token makes private ones visible; it is never the
// binding's own, because Bitbucket is bound by OAuth.
package bitbucket

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/secrets"
)

// BaseURL is the API of bitbucket.org.
const BaseURL = "https://api.bitbucket.org/2.0"

// Reasons of this host.
const (
	ReasonAppPasswordGone = "AppPasswordGone"
)

var _ providers.Provider = (*Provider)(nil)

// Options are the options of New.
type Options = providers.HostOptions

// Provider checks accounts and projects on Bitbucket. It is safe for concurrent use.
type Provider struct{ host providers.Host }

// New makes a Provider. An invalid BaseURL is an error.
func New(o Options) (*Provider, error) {
	host, err := o.Host(BaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{host}, nil
}

// CheckToken implements providers.Provider. Bitbucket is bound by OAuth, so a
// binding has no token to check.
func (*Provider) CheckToken(context.Context, binding.Account, []string, secrets.Secret) binding.TokenReport {
	return binding.TokenReport{}
}

// workspace is the answer to GET /workspaces/{workspace}. A bound account is
// identified by its workspace, because nicknames are not unique and have no
// path.
type workspace struct {
	UUID string `json:"uuid"`
	Slug string `json:"slug"`
}

// CheckAccount implements providers.Provider.
func (p *Provider) CheckAccount(ctx context.Context, account binding.Account, token secrets.Secret) binding.TokenReport {
	return providers.FinishReport(p.host.Now(), token, p.checkAccount(ctx, account, token))
}

func (p *Provider) checkAccount(ctx context.Context, account binding.Account, token secrets.Secret) (report binding.TokenReport) {
	question, name := binding.QuestionAccountExists, account.Username
	say := func(answers ...binding.Answer) binding.TokenReport {
		report.Answers = append(report.Answers, answers...)
		return report
	}
	header, reason, why := credentials(token)
	if header == nil {
		return say(providers.Unknown(question, reason, notAsked(why)))
	}
	found, reply, err := p.workspace(ctx, header, name)
	switch {
	case err == nil && reply.Status == http.StatusNotFound && providers.IsJSON(reply.Header) && isRefusal(reply.Body):
		// According to the description, this 404 means that the workspace does
		// not exist; it makes no exception for a private one.
		say(p.identity(ctx, header, account, binding.HostUser{})...)
		return say(providers.No(question, "", providers.ReasonAccountMissing, message.New("bitbucket.no-workspace", "workspace", name)))
	case err != nil || !reply.OK():
		return say(p.noVerdict(question, reply, err))
	case found.UUID == "" || found.Slug == "":
		return say(providers.Unknown(question, providers.ReasonUnreadable, message.New("bitbucket.no-workspace-fields")))
	}
	named := binding.HostUser{ID: found.UUID, Name: found.Slug}
	if !binding.SameUsername(binding.Bitbucket, found.Slug, name) {
		// The workspace still answers under its former slug.
		return say(providers.No(binding.QuestionAccountIdentity, "", providers.ReasonAccountRenamed,
			message.New("account.renamed", "declared", name, "name", found.Slug)))
	}
	report.User = providers.Known(account, named)
	say(p.identity(ctx, header, account, named)...)
	return say(providers.Yes(question, providers.ReasonAccountExists, message.New("bitbucket.workspace", "workspace", found.Slug)))
}

// isRefusal reports whether an error body comes from Bitbucket itself, and not
// from something in front of it.
func isRefusal(body []byte) bool {
	var refusal struct {
		Type string `json:"type"`
	}
	return json.Unmarshal(body, &refusal) == nil && refusal.Type == "error"
}

// workspace requests a workspace by slug or UUID.
func (p *Provider) workspace(ctx context.Context, header http.Header, ref string) (found workspace, reply providers.Reply, err error) {
	reply, err = providers.Get(ctx, p.host.Client, p.host.Base.String()+"/workspaces/"+url.PathEscape(ref), header, &found)
	return found, reply, err
}

// identity compares the workspace that has the declared slug with the known one.
// If they differ, it asks for the current slug of the known one.
func (p *Provider) identity(ctx context.Context, header http.Header, account binding.Account, named binding.HostUser) []binding.Answer {
	var now binding.HostUser
	if account.UserID != "" && account.UserID != named.ID {
		found, reply, err := p.workspace(ctx, header, account.UserID)
		if err == nil && reply.OK() && found.UUID == account.UserID && !binding.SameUsername(binding.Bitbucket, found.Slug, account.Username) {
			now = binding.HostUser{ID: found.UUID, Name: found.Slug}
		}
	}
	return providers.Identity(account, "", named, now)
}

// repository is the answer to GET /repositories/{workspace}/{repo_slug}.
type repository struct {
	UUID      string    `json:"uuid"`
	FullName  string    `json:"full_name"`
	Workspace workspace `json:"workspace"`
}

// CheckProject implements providers.Provider. Bitbucket does not document its
// answer for a renamed repository, so a 404 is an unknown. A repository that
// was seen before is requested by its UUID.
func (p *Provider) CheckProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) binding.ProjectState {
	at := p.host.Now()
	state := binding.ProjectState{Subgroup: providers.No(binding.QuestionSubgroup, "", providers.ReasonNoSubgroups, message.New("project.no-subgroups", "platform", binding.Bitbucket.Title()))}
	state.ID, state.Answers = p.checkProject(ctx, account, source, token)
	return providers.FinishProject(at, token, state)
}

func (p *Provider) checkProject(ctx context.Context, account binding.Account, source string, token secrets.Secret) (id string, answers []binding.Answer) {
	question := binding.QuestionProjectExists
	header, reason, why := credentials(token)
	if header == nil {
		return "", []binding.Answer{providers.Unknown(question, reason, notAsked(why))}
	}
	space, slug, nested := strings.Cut(strings.Trim(source, "/"), "/")
	if !nested {
		space, slug = account.Username, space
	}
	path := space + "/" + slug
	found, reply, err := p.repository(ctx, header, space, slug)
	if pinned, ok := p.host.Pins.Get(strings.ToLower(path)); ok && err == nil && reply.Status == http.StatusNotFound {
		found, reply, err = p.repository(ctx, header, space, pinned)
	}
	switch {
	case err == nil && reply.Status == http.StatusNotFound:
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonNotVisible,
			message.New("bitbucket.not-shown", "path", path))}
	case err != nil || !reply.OK():
		return "", []binding.Answer{p.noVerdict(question, reply, err)}
	case found.UUID == "" || found.FullName == "":
		return "", []binding.Answer{providers.Unknown(question, providers.ReasonUnreadable,
			message.New("bitbucket.no-repository-fields"))}
	}
	return found.UUID, p.describe(account, path, found)
}

func (p *Provider) repository(ctx context.Context, header http.Header, space, slug string) (repository, providers.Reply, error) {
	var found repository
	address := p.host.Base.String() + "/repositories/" + url.PathEscape(space) + "/" + url.PathEscape(slug)
	reply, err := providers.Get(ctx, p.host.Client, address, header, &found)
	return found, reply, err
}

func (p *Provider) describe(account binding.Account, path string, found repository) []binding.Answer {
	owner := binding.HostUser{ID: found.Workspace.UUID}
	owner.Name, _, _ = strings.Cut(found.FullName, "/")
	return append(p.host.Pins.Describe(strings.ToLower(path), path, providers.Project{Noun: "repository", ID: found.UUID, Path: found.FullName}),
		providers.Ownership(account, binding.Bitbucket, owner))
}

// credentials makes the header for an observer token. An Atlassian API token
// has the form email:token and is sent with basic authentication; access tokens
// and OAuth tokens are bearer tokens. App passwords ended on 28 July 2026.
// Without a header, reason and why say what is wrong with the token.
func credentials(token secrets.Secret) (header http.Header, reason string, why message.Message) {
	header = http.Header{}
	if token.IsZero() {
		return header, "", message.Message{}
	}
	if why := providers.Malformed(token); !why.IsZero() {
		return nil, providers.ReasonMalformed, message.New("observer.malformed", "why", why)
	}
	value := token.Expose()
	email, bare, basic := strings.Cut(value, ":")
	if host := providers.ForeignHost(binding.Bitbucket, token); host != "" {
		return nil, providers.ReasonOtherHost, message.New("observer.of-another-host", "host", host)
	}
	switch {
	case strings.HasPrefix(value, "ATBB") || basic && strings.HasPrefix(bare, "ATBB"):
		return nil, ReasonAppPasswordGone, message.New("bitbucket.app-password")
	case basic && strings.Contains(email, "@"):
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(value)))
	case strings.HasPrefix(value, "ATATT"):
		return nil, providers.ReasonMalformed, message.New("bitbucket.without-email")
	default:
		header.Set("Authorization", "Bearer "+value)
	}
	return header, "", message.Message{}
}

func notAsked(why message.Message) message.Message {
	return message.New("host.not-asked", "platform", binding.Bitbucket.Title(), "why", why)
}

// noVerdict is the unknown for a failed call or an inconclusive answer. For a 403
// because of a missing scope, it names the scope.
func (p *Provider) noVerdict(question binding.Question, reply providers.Reply, err error) binding.Answer {
	if missing := readRequired(reply.Body); err == nil && reply.Status == http.StatusForbidden && len(missing) > 0 {
		return providers.Unknown(question, providers.ReasonScopeMissing, message.New("bitbucket.lacks-scopes", "scopes", missing))
	}
	return providers.NoVerdict(question, p.host.Base.Host, reply, err)
}

// readRequired reads the missing scopes of a 403: error.detail is an object
// with the lists required and granted, although the description says a string.
// It takes only words that look like scopes.
func readRequired(body []byte) []string {
	var refusal struct {
		Error struct {
			Detail json.RawMessage `json:"detail"`
		} `json:"error"`
	}
	var detail struct {
		Required []string `json:"required"`
		Granted  []string `json:"granted"`
	}
	if json.Unmarshal(body, &refusal) != nil || json.Unmarshal(refusal.Error.Detail, &detail) != nil {
		return nil
	}
	granted := map[string]bool{}
	for _, scope := range detail.Granted {
		granted[scope] = true
	}
	var missing []string
	for _, scope := range detail.Required {
		if !granted[scope] && len(scope) <= 64 && strings.Trim(scope, "abcdefghijklmnopqrstuvwxyz:-_") == "" {
			missing = append(missing, scope)
		}
	}
	return missing
}
