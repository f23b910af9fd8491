package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxCommentBytes bounds the body of a comment.
const maxCommentBytes = 1 << 20

// HostComment is a comment at a pull request.
type HostComment struct {
	ID int64
	// Author is a username of the platform.
	Author, Body string
}

// HostStatus is a commit's status, in the platform's own word.
type HostStatus struct{ Name, State, Description, URL string }

// AddComment puts a comment at a pull request.
func (c *CodeHosts) AddComment(platform, path, number, author, body string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.project(platform, path); p != nil {
		c.addComment(platform, p, number, author, body)
	}
}

// PullRequestComments are the comments of a pull request, the oldest first.
func (c *CodeHosts) PullRequestComments(platform, path, number string) []HostComment {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []HostComment
	if p := c.project(platform, path); p != nil {
		for _, one := range c.comments[projectKey(platform, p, number)] {
			list = append(list, *one)
		}
	}
	return list
}

// CommitStatuses are the statuses of a commit.
func (c *CodeHosts) CommitStatuses(platform, path, commit string) []HostStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.project(platform, path)
	if p == nil {
		return nil
	}
	return slices.Clone(c.statuses[projectKey(platform, p, commit)])
}

func projectKey(platform string, p *HostProject, of string) string {
	return platform + " " + strconv.FormatInt(p.ID, 10) + " " + of
}

// addComment, findComment and setStatus work on the state; c.mu is held.
func (c *CodeHosts) addComment(platform string, p *HostProject, number, author, body string) *HostComment {
	c.next++
	one := &HostComment{ID: c.next, Author: author, Body: body}
	key := projectKey(platform, p, number)
	c.comments[key] = append(c.comments[key], one)
	return one
}

func (c *CodeHosts) findComment(platform string, p *HostProject, id string) *HostComment {
	for key, list := range c.comments {
		if !strings.HasPrefix(key, projectKey(platform, p, "")) {
			continue
		}
		for _, one := range list {
			if strconv.FormatInt(one.ID, 10) == id {
				return one
			}
		}
	}
	return nil
}

// setStatus sets a status; false where it has this state already.
func (c *CodeHosts) setStatus(platform string, p *HostProject, commit string, s HostStatus) bool {
	key := projectKey(platform, p, commit)
	for i, one := range c.statuses[key] {
		if one.Name == s.Name {
			c.statuses[key][i] = s
			return one.State != s.State
		}
	}
	c.statuses[key] = append(c.statuses[key], s)
	return true
}

// isRequest says that a request has this method, and its path this pattern, where
// "*" stands for one element.
func isRequest(r *http.Request, path []string, method, pattern string) bool {
	wanted := strings.Split(pattern, "/")
	return r.Method == method && len(path) == len(wanted) && matchesPath(path, wanted)
}

func matchesPath(path, wanted []string) bool {
	for i, element := range wanted {
		if element != "*" && element != path[i] {
			return false
		}
	}
	return true
}

// page cuts the page that a request asks for, by the names of its parameters.
func page[T any](r *http.Request, size string, list []T) (part []T, more bool) {
	n, _ := strconv.Atoi(r.FormValue("page"))
	per, _ := strconv.Atoi(r.FormValue(size))
	if per <= 0 || per > 100 {
		per = 10
	}
	from := min(max(n-1, 0)*per, len(list))
	to := min(from+per, len(list))
	return list[from:to], to < len(list)
}

// jsonBody reads a JSON body; nil where there is none.
func jsonBody(r *http.Request) map[string]any {
	var body map[string]any
	if json.NewDecoder(io.LimitReader(r.Body, maxCommentBytes)).Decode(&body) != nil {
		return nil
	}
	return body
}

// textField is a text of a body; empty where there is none.
func textField(body map[string]any, name string) string {
	text, _ := body[name].(string)
	return text
}

// job says that the token is one that GitHub Actions gives a job.
func (t *HostToken) job() bool { return strings.HasPrefix(t.Value, "ghs_") }

// writer is who a token writes as at GitHub.
func (t *HostToken) writer() string {
	if t.job() {
		return "github-actions[bot]"
	}
	return t.Username
}
