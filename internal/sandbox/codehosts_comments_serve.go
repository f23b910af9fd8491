package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// serveGitHubComments serves below /repos: comments of issues and pull requests, and
// commit statuses.
func (c *CodeHosts) serveGitHubComments(r *http.Request, t *HostToken, path []string) hostAnswer {
	p := c.project(HostGitHub, path[0]+"/"+path[1])
	if p == nil || t == nil {
		return githubRefusal(http.StatusNotFound, "Not Found")
	}
	switch rest := path[2:]; {
	case isRequest(r, rest, http.MethodPost, "statuses/*"):
		return c.githubStatus(jsonBody(r), p, rest[1])
	case isRequest(r, rest, http.MethodGet, "issues/*/comments"):
		part, _ := page(r, "per_page", c.comments[projectKey(HostGitHub, p, rest[1])])
		return hostAnswer{status: http.StatusOK, body: render(part, githubComment)}
	case isRequest(r, rest, http.MethodPost, "issues/*/comments"):
		text := textField(jsonBody(r), "body")
		if text == "" || len(text) > 4*65536 {
			return githubRefusal(http.StatusUnprocessableEntity, "Validation Failed")
		}
		return hostAnswer{status: http.StatusCreated, body: githubComment(c.addComment(HostGitHub, p, rest[1], t.writer(), text))}
	case isRequest(r, rest, http.MethodPatch, "issues/comments/*"):
		one := c.findComment(HostGitHub, p, rest[2])
		if one == nil {
			return githubRefusal(http.StatusNotFound, "Not Found")
		}
		one.Body = textField(jsonBody(r), "body")
		return hostAnswer{status: http.StatusOK, body: githubComment(one)}
	}
	return githubRefusal(http.StatusNotFound, "Not Found")
}

func (c *CodeHosts) githubStatus(in map[string]any, p *HostProject, commit string) hostAnswer {
	s := HostStatus{textField(in, "context"), textField(in, "state"), textField(in, "description"), textField(in, "target_url")}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, s.State) || len([]rune(s.Description)) > 140 {
		return githubRefusal(http.StatusUnprocessableEntity, "Validation Failed")
	}
	c.setStatus(HostGitHub, p, commit, s)
	return hostAnswer{status: http.StatusCreated, body: hostObject{"state": s.State, "context": s.Name, "description": s.Description}}
}

// render are comments as a host writes them.
func render(list []*HostComment, write func(*HostComment) hostObject) []hostObject {
	all := make([]hostObject, 0, len(list))
	for _, one := range list {
		all = append(all, write(one))
	}
	return all
}

func githubComment(one *HostComment) hostObject {
	return hostObject{"id": one.ID, "body": one.Body, "user": hostObject{"login": one.Author}, "created_at": githubDate, "updated_at": githubDate}
}

// isGitLabComments reports whether serveGitLabComments serves a path below a
// project.
func isGitLabComments(path []string) bool {
	return len(path) > 3 && path[0] == "projects" && (path[2] == "merge_requests" || path[2] == "statuses")
}

// serveGitLabComments serves below /projects: notes of merge requests, and commit
// statuses.
func (c *CodeHosts) serveGitLabComments(r *http.Request, t *HostToken, path []string) hostAnswer {
	p := c.project(HostGitLab, path[0])
	if p == nil {
		p = c.projectByID(HostGitLab, path[0])
	}
	switch rest := path[1:]; {
	case p == nil:
		return hostAnswer{status: http.StatusNotFound, body: hostObject{"message": "404 Project Not Found"}}
	case !t.hasScope("api"):
		return insufficientScope("api")
	case isRequest(r, rest, http.MethodPost, "statuses/*"):
		return c.gitlabStatus(jsonBody(r), p, rest[1])
	case isRequest(r, rest, http.MethodGet, "merge_requests/*/notes"):
		part, _ := page(r, "per_page", c.comments[projectKey(HostGitLab, p, rest[1])])
		return hostAnswer{status: http.StatusOK, body: render(part, gitlabNote)}
	case isRequest(r, rest, http.MethodPost, "merge_requests/*/notes"):
		return hostAnswer{status: http.StatusCreated, body: gitlabNote(c.addComment(HostGitLab, p, rest[1], t.Username, textField(jsonBody(r), "body")))}
	case isRequest(r, rest, http.MethodPut, "merge_requests/*/notes/*"):
		if one := c.findComment(HostGitLab, p, rest[3]); one != nil {
			one.Body = textField(jsonBody(r), "body")
			return hostAnswer{status: http.StatusOK, body: gitlabNote(one)}
		}
	}
	return hostAnswer{status: http.StatusNotFound, body: hostObject{"error": "404 Not Found"}}
}

// gitlabStatus refuses a state that the commit has, as GitLab does.
func (c *CodeHosts) gitlabStatus(in map[string]any, p *HostProject, commit string) hostAnswer {
	s := HostStatus{textField(in, "name"), textField(in, "state"), textField(in, "description"), textField(in, "target_url")}
	if !slices.Contains([]string{"pending", "running", "success", "failed", "canceled", "skipped"}, s.State) {
		return hostAnswer{status: http.StatusBadRequest, body: hostObject{"error": "state does not have a valid value"}}
	}
	if !c.setStatus(HostGitLab, p, commit, s) {
		return hostAnswer{status: http.StatusBadRequest, body: hostObject{
			"message": "Cannot transition status via :enqueue from :" + s.State + " (Reason(s): Status cannot transition via \"enqueue\")",
		}}
	}
	return hostAnswer{status: http.StatusCreated, body: hostObject{"status": s.State, "name": s.Name, "sha": commit}}
}

func gitlabNote(one *HostComment) hostObject {
	return hostObject{"id": one.ID, "body": one.Body, "system": false, "author": hostObject{"username": one.Author}}
}

// serveBitbucketComments serves below /repositories: comments of pull requests, and
// build statuses.
func (c *CodeHosts) serveBitbucketComments(r *http.Request, t *HostToken, path []string) hostAnswer {
	p := c.project(HostBitbucket, path[0]+"/"+path[1])
	if p == nil || t == nil {
		return bitbucketRefusal(http.StatusNotFound, "Repository not found")
	}
	switch rest := path[2:]; {
	case isRequest(r, rest, http.MethodPost, "commit/*/statuses/build"):
		return c.bitbucketStatus(jsonBody(r), p, rest[1])
	case isRequest(r, rest, http.MethodGet, "pullrequests/*/comments"):
		part, more := page(r, "pagelen", c.comments[projectKey(HostBitbucket, p, rest[1])])
		body := hostObject{"values": render(part, c.bitbucketComment), "pagelen": len(part)}
		if more {
			body["next"] = "https://api.bitbucket.org/2.0/next"
		}
		return hostAnswer{status: http.StatusOK, body: body}
	case isRequest(r, rest, http.MethodPost, "pullrequests/*/comments"):
		return hostAnswer{status: http.StatusCreated, body: c.bitbucketComment(c.addComment(HostBitbucket, p, rest[1], t.Username, bitbucketRaw(r)))}
	case isRequest(r, rest, http.MethodPut, "pullrequests/*/comments/*"):
		if one := c.findComment(HostBitbucket, p, rest[3]); one != nil {
			one.Body = bitbucketRaw(r)
			return hostAnswer{status: http.StatusOK, body: c.bitbucketComment(one)}
		}
	}
	return bitbucketRefusal(http.StatusNotFound, "Resource not found")
}

func (c *CodeHosts) bitbucketStatus(in map[string]any, p *HostProject, commit string) hostAnswer {
	s := HostStatus{textField(in, "key"), textField(in, "state"), textField(in, "description"), textField(in, "url")}
	if s.URL == "" || !slices.Contains([]string{"INPROGRESS", "SUCCESSFUL", "FAILED", "STOPPED"}, s.State) {
		return bitbucketRefusal(http.StatusBadRequest, "Bad request")
	}
	c.setStatus(HostBitbucket, p, commit, s)
	return hostAnswer{status: http.StatusCreated, body: hostObject{"type": "build", "key": s.Name, "state": s.State, "url": s.URL}}
}

func bitbucketRaw(r *http.Request) string {
	content, _ := jsonBody(r)["content"].(map[string]any)
	return textField(content, "raw")
}

func (c *CodeHosts) bitbucketComment(one *HostComment) hostObject {
	o := hostObject{"type": "pullrequest_comment", "id": one.ID, "deleted": false, "content": hostObject{"type": "rendered", "raw": one.Body}}
	if u := c.user(HostBitbucket, one.Author); u != nil {
		o["user"] = hostObject{"type": "user", "uuid": bitbucketUUID(u.ID)}
	}
	return o
}

// serveCodeupComments serves below a repository: comments of merge requests, and commit
// statuses, as the product's reference describes them.
func (c *CodeHosts) serveCodeupComments(r *http.Request, t *HostToken, p *HostProject, path []string) hostAnswer {
	switch {
	case isRequest(r, path, http.MethodPost, "commits/*/statuses"):
		in := jsonBody(r)
		s := HostStatus{textField(in, "context"), textField(in, "state"), textField(in, "description"), textField(in, "targetUrl")}
		if len([]rune(s.Name)) > 50 || !slices.Contains([]string{"error", "failure", "pending", "success"}, s.State) {
			return codeupRefusal(http.StatusBadRequest, "INVALID_PARAMETER")
		}
		c.setStatus(HostCodeup, p, path[1], s)
		return hostAnswer{status: http.StatusOK, body: hostObject{"sha": path[1], "state": s.State, "context": s.Name}}
	case isRequest(r, path, http.MethodPost, "changeRequests/*/comments/list"):
		return hostAnswer{status: http.StatusOK, body: render(c.comments[projectKey(HostCodeup, p, path[1])], c.codeupComment)}
	case isRequest(r, path, http.MethodPost, "changeRequests/*/comments"):
		in := jsonBody(r)
		text := textField(in, "content")
		if n := len([]rune(text)); n == 0 || n > 65535 || !strings.HasSuffix(textField(in, "comment_type"), "_COMMENT") {
			return codeupRefusal(http.StatusBadRequest, "INVALID_PARAMETER")
		}
		return hostAnswer{status: http.StatusOK, body: c.codeupComment(c.addComment(HostCodeup, p, path[1], t.Username, text))}
	case isRequest(r, path, http.MethodPut, "changeRequests/*/comments/*"):
		if one := c.findComment(HostCodeup, p, path[3]); one != nil {
			one.Body = textField(jsonBody(r), "content")
			return hostAnswer{status: http.StatusOK, body: hostObject{"result": true}}
		}
	}
	return codeupRefusal(http.StatusNotFound, "NotFound")
}

func (c *CodeHosts) codeupComment(one *HostComment) hostObject {
	author := hostObject{"username": one.Author}
	if u := c.user(HostCodeup, one.Author); u != nil {
		author["userId"] = strconv.FormatInt(u.ID, 10)
	}
	return hostObject{
		"comment_biz_id": strconv.FormatInt(one.ID, 10), "comment_type": "GLOBAL_COMMENT", "content": one.Body, "author": author,
		"is_deleted": false, "resolved": false, "state": "OPENED",
	}
}
