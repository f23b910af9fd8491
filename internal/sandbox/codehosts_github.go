package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// githubDate stands for every date that nobody asks about.
const githubDate = "2026-01-02T03:04:05Z"

// GitHub serves the API of api.github.com.
func (c *CodeHosts) GitHub() http.Handler {
	return c.handle(HostGitHub, func(r *http.Request) hostAnswer {
		a := c.github(r)
		if a.header == nil {
			a.header = map[string]string{}
		}
		a.header["X-GitHub-Media-Type"] = "github.v3; format=json"
		for k, v := range map[string]string{
			"Limit": "5000", "Remaining": "4999", "Used": "1", "Resource": "core",
			"Reset": strconv.FormatInt(c.now().Add(time.Hour).Unix(), 10),
		} {
			a.header["X-RateLimit-"+k] = v
		}
		if t := c.token(HostGitHub, bearerOf(r)); t != nil {
			a.header["X-OAuth-Scopes"] = strings.Join(t.Scopes, ", ")
			if !t.Expires.IsZero() {
				a.header["GitHub-Authentication-Token-Expiration"] = t.Expires.UTC().Format("2006-01-02 15:04:05 MST")
			}
		}
		return a
	})
}

func (c *CodeHosts) github(r *http.Request) hostAnswer {
	if r.Header.Get("User-Agent") == "" {
		return githubRefusal(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header")
	}
	value := bearerOf(r)
	t := c.token(HostGitHub, value)
	if value != "" && (t == nil || c.invalid(t)) {
		return githubRefusal(http.StatusUnauthorized, "Bad credentials")
	}
	path := hostPath(r, "/")
	switch {
	case len(path) == 1 && path[0] == "user" && t == nil:
		return githubRefusal(http.StatusUnauthorized, "Requires authentication")
	case len(path) == 1 && path[0] == "user":
		return c.githubSelf(t)
	case len(path) == 2 && path[0] == "user":
		return githubUser(c.userByID(HostGitHub, path[1]))
	case len(path) == 2 && path[0] == "users":
		return githubUser(c.user(HostGitHub, path[1]))
	case len(path) >= 3 && path[0] == "repos":
		return c.githubBelow(r, t, path[1:])
	case len(path) == 2 && path[0] == "repositories":
		return c.githubShow(t, c.projectByID(HostGitHub, path[1]))
	}
	return githubRefusal(http.StatusNotFound, "Not Found")
}

// githubSelf returns the owner of the token; a job's token belongs to no user.
func (c *CodeHosts) githubSelf(t *HostToken) hostAnswer {
	if t.job() {
		return githubRefusal(http.StatusForbidden, "Resource not accessible by integration")
	}
	return githubUser(c.user(HostGitHub, t.Username))
}

// githubBelow serves a repository and what is below it.
func (c *CodeHosts) githubBelow(r *http.Request, t *HostToken, path []string) hostAnswer {
	if len(path) > 2 {
		return c.serveGitHubComments(r, t, path)
	}
	return c.githubRepository(r, t, path[0]+"/"+path[1])
}

func githubRefusal(status int, message string) hostAnswer {
	return hostAnswer{status: status, body: hostObject{
		"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status),
	}}
}

func (c *CodeHosts) githubRepository(r *http.Request, t *HostToken, path string) hostAnswer {
	p := c.project(HostGitHub, path)
	if id, ok := c.moved[HostGitHub+" "+strings.ToLower(path)]; p == nil && ok {
		location := "http://" + r.Host + "/repositories/" + strconv.FormatInt(id, 10)
		if r.TLS != nil {
			location = "https" + strings.TrimPrefix(location, "http")
		}
		return hostAnswer{
			status: http.StatusMovedPermanently, header: map[string]string{"Location": location},
			body: hostObject{"message": "Moved Permanently", "url": location, "documentation_url": "https://docs.github.com/rest"},
		}
	}
	return c.githubShow(t, p)
}

func (c *CodeHosts) githubShow(t *HostToken, p *HostProject) hostAnswer {
	if p == nil || p.Private && (t == nil || !slices.Contains(t.Scopes, "repo")) {
		return githubRefusal(http.StatusNotFound, "Not Found")
	}
	login, name, _ := strings.Cut(p.Path, "/")
	owner := c.user(HostGitHub, login)
	if owner == nil {
		owner = &HostUser{ID: p.ID + 100000, Username: login}
	}
	return hostAnswer{status: http.StatusOK, body: githubBody(p, owner, name)}
}

// githubOwner has what the description requires of every account.
func githubOwner(u *HostUser) hostObject {
	kind := u.Kind
	if kind == "" {
		kind = "User"
	}
	o := hostObject{
		"login": u.Username, "id": u.ID, "node_id": fmt.Sprintf("U_%d", u.ID), "gravatar_id": "", "type": kind, "site_admin": false,
		"avatar_url": "https://avatars.githubusercontent.com/u/" + strconv.FormatInt(u.ID, 10), "html_url": "https://github.com/" + u.Username,
		"user_view_type": "public",
	}
	api := "https://api.github.com/users/" + u.Username
	o["url"] = api
	for _, name := range []string{
		"events", "followers", "following", "gists", "organizations", "received_events", "repos", "starred", "subscriptions",
	} {
		o[name+"_url"] = api + "/" + name
	}
	return o
}

func githubUser(u *HostUser) hostAnswer {
	if u == nil {
		return githubRefusal(http.StatusNotFound, "Not Found")
	}
	o := githubOwner(u)
	for _, name := range []string{"bio", "blog", "company", "email", "hireable", "location", "name"} {
		o[name] = nil
	}
	for _, name := range []string{"public_gists", "public_repos", "followers", "following"} {
		o[name] = 0
	}
	o["created_at"], o["updated_at"] = githubDate, githubDate
	return hostAnswer{status: http.StatusOK, body: o}
}

// githubBody has what the description requires of a repository.
func githubBody(p *HostProject, owner *HostUser, name string) hostObject {
	api := "https://api.github.com/repos/" + p.Path
	o := hostObject{
		"id": p.ID, "node_id": fmt.Sprintf("R_%d", p.ID), "name": name, "full_name": p.Path, "owner": githubOwner(owner),
		"private": p.Private, "archived": p.Archived, "disabled": p.Disabled, "fork": false, "url": api,
		"html_url": "https://github.com/" + p.Path, "clone_url": "https://github.com/" + p.Path + ".git",
		"git_url": "git://github.com/" + p.Path + ".git", "ssh_url": "git@github.com:" + p.Path + ".git", "svn_url": "https://github.com/" + p.Path,
		"default_branch": "main", "visibility": map[bool]string{true: "private", false: "public"}[p.Private],
		"created_at": githubDate, "updated_at": githubDate, "pushed_at": githubDate,
	}
	for _, field := range strings.Fields(`archive assignees blobs branches collaborators comments commits compare contents
		contributors deployments downloads events forks git_commits git_refs git_tags hooks issue_comment issue_events issues
		keys labels languages merges milestones notifications pulls releases stargazers statuses subscribers subscription
		tags teams trees`) {
		o[field+"_url"] = api + "/" + field
	}
	for _, field := range strings.Fields(`forks forks_count open_issues open_issues_count size stargazers_count watchers
		watchers_count network_count subscribers_count`) {
		o[field] = 0
	}
	for _, field := range strings.Fields("has_issues has_projects has_wiki has_pages has_discussions") {
		o[field] = false
	}
	for _, field := range strings.Fields("description homepage mirror_url license") {
		o[field] = nil
	}
	// The description does not let a language be null, though the service
	// does.
	o["language"] = "Go"
	return o
}
