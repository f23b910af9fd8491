package sandbox

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// gitlabVersion is what the played GitLab says it is.
const gitlabVersion = "18.4.1"

// GitLab serves GitLab's API below any root.
func (c *CodeHosts) GitLab() http.Handler {
	return c.handle(HostGitLab, func(r *http.Request) hostAnswer {
		a := c.gitlab(r)
		if a.header == nil {
			a.header = map[string]string{}
		}
		for k, v := range map[string]string{
			"RateLimit-Limit": "2000", "RateLimit-Remaining": "1999", "RateLimit-Observed": "1",
			"RateLimit-Name": "throttle_authenticated_api", "RateLimit-Reset": strconv.FormatInt(c.now().Add(time.Minute).Unix(), 10),
		} {
			a.header[k] = v
		}
		return a
	})
}

func (c *CodeHosts) gitlab(r *http.Request) hostAnswer {
	path := hostPath(r, "/api/v4/")
	if path == nil {
		return hostAnswer{status: http.StatusFound, header: map[string]string{"Location": "/users/sign_in"}, body: "You are being redirected."}
	}
	value := r.Header.Get("Private-Token")
	if value == "" {
		value = bearerOf(r)
	}
	t := c.token(HostGitLab, value)
	if refused, ok := c.gitlabRefusal(t); ok {
		return refused
	}
	u := c.user(HostGitLab, t.Username)
	switch {
	case u == nil:
		return hostAnswer{status: http.StatusUnauthorized, body: hostObject{"message": "401 Unauthorized"}}
	case u.State == "blocked":
		return hostAnswer{status: http.StatusForbidden, body: hostObject{"message": "403 Forbidden - Your account has been blocked."}}
	case isGitLabComments(path):
		return c.serveGitLabComments(r, t, path[1:])
	case r.Method != http.MethodGet:
		return hostAnswer{status: http.StatusMethodNotAllowed, body: hostObject{"error": "405 Not Allowed"}}
	case len(path) == 1 && (path[0] == "version" || path[0] == "metadata"):
		return hostAnswer{status: http.StatusOK, body: hostObject{"version": gitlabVersion, "revision": "0a1b2c3d", "enterprise": false}}
	case len(path) == 2 && path[0] == "personal_access_tokens" && path[1] == "self":
		return c.gitlabSelf(t, u)
	case len(path) == 1 && path[0] == "user":
		return gitlabUser(r, t, u)
	case len(path) >= 2 && path[0] == "projects":
		return c.gitlabProject(r, t, path[1:])
	}
	return hostAnswer{status: http.StatusNotFound, body: hostObject{"error": "404 Not Found"}}
}

// gitlabRefusal is what the guard answers before any endpoint.
func (c *CodeHosts) gitlabRefusal(t *HostToken) (hostAnswer, bool) {
	invalid := func(why string) (hostAnswer, bool) {
		return hostAnswer{status: http.StatusUnauthorized, body: hostObject{"error": "invalid_token", "error_description": why}}, true
	}
	switch {
	case t == nil:
		return hostAnswer{status: http.StatusUnauthorized, body: hostObject{"message": "401 Unauthorized"}}, true
	case t.Revoked:
		return invalid("Token was revoked. You have to re-authorize from the user.")
	case c.invalid(t):
		return invalid("Token is expired. You can either do re-authorization or token refresh.")
	}
	return hostAnswer{}, false
}

func (c *CodeHosts) gitlabSelf(t *HostToken, u *HostUser) hostAnswer {
	if t.OAuth {
		return hostAnswer{status: http.StatusBadRequest, body: hostObject{
			"message": "400 Bad request - This endpoint requires token type to be a personal access token",
		}}
	}
	self := hostObject{
		"id": u.ID + 1, "name": "sandbox", "revoked": false, "active": true, "user_id": u.ID, "scopes": t.scopes(),
		"description": nil, "created_at": "2026-01-02T03:04:05.000Z", "last_used_at": nil, "last_used_ips": []string{},
		"expires_at": nil, "granular": t.Granular, "granular_scopes": []hostObject{},
	}
	if !t.Expires.IsZero() {
		self["expires_at"] = t.Expires.UTC().Format(time.DateOnly)
	}
	return hostAnswer{status: http.StatusOK, body: self}
}

func insufficientScope(wanted string) hostAnswer {
	return hostAnswer{status: http.StatusForbidden, body: hostObject{
		"error": "insufficient_scope", "scope": wanted,
		"error_description": "The request requires higher privileges than provided by the access token.",
	}}
}

func gitlabUser(r *http.Request, t *HostToken, u *HostUser) hostAnswer {
	if !t.hasScope("api", "read_api", "read_user") {
		return insufficientScope("api read_user")
	}
	return hostAnswer{status: http.StatusOK, body: hostObject{
		"id": u.ID, "username": u.Username, "name": u.Username, "state": "active", "locked": false, "bot": u.Bot,
		"web_url": "https://" + r.Host + "/" + u.Username, "avatar_url": nil, "created_at": "2026-01-02T03:04:05.000Z",
	}}
}

func (c *CodeHosts) gitlabProject(r *http.Request, t *HostToken, path []string) hostAnswer {
	if !t.hasScope("api", "read_api") {
		return insufficientScope("api read_api")
	}
	p := c.project(HostGitLab, path[0])
	if p == nil {
		p = c.projectByID(HostGitLab, path[0])
	}
	if id, ok := c.moved[HostGitLab+" "+strings.ToLower(path[0])]; p == nil && ok {
		root, _, _ := strings.Cut(r.URL.EscapedPath(), "/api/v4/")
		return hostAnswer{
			status: http.StatusMovedPermanently, body: "This resource has been moved permanently",
			header: map[string]string{"Location": root + "/api/v4/projects/" + strconv.FormatInt(id, 10)},
		}
	}
	switch {
	case p == nil:
		return hostAnswer{status: http.StatusNotFound, body: hostObject{"message": "404 Project Not Found"}}
	case len(path) == 1:
		return gitlabDescribe(p)
	case len(path) == 2 && path[1] == "hooks":
		return c.gitlabHooks(p)
	}
	return hostAnswer{status: http.StatusNotFound, body: hostObject{"error": "404 Not Found"}}
}

func gitlabDescribe(p *HostProject) hostAnswer {
	level := p.Access
	if level == 0 {
		level = 40
	}
	visibility := "public"
	if p.Private {
		visibility = "private"
	}
	namespace, name := "", p.Path
	if i := strings.LastIndex(p.Path, "/"); i >= 0 {
		namespace, name = p.Path[:i], p.Path[i+1:]
	}
	n := hostObject{
		"id": p.ID + 100000, "name": namespace, "path": namespace[strings.LastIndex(namespace, "/")+1:],
		"kind": "group", "full_path": namespace, "parent_id": nil,
	}
	if strings.Contains(namespace, "/") {
		n["parent_id"] = p.ID + 200000
	}
	return hostAnswer{status: http.StatusOK, body: hostObject{
		"id": p.ID, "name": name, "path": name, "path_with_namespace": p.Path, "archived": p.Archived,
		"visibility": visibility, "default_branch": "main", "namespace": n,
		"permissions": hostObject{
			"project_access": hostObject{"access_level": level, "notification_level": 3},
			"group_access":   nil,
		},
	}}
}

func (c *CodeHosts) gitlabHooks(p *HostProject) hostAnswer {
	if p.Access != 0 && p.Access < 40 {
		return hostAnswer{status: http.StatusForbidden, body: hostObject{"message": "403 Forbidden"}}
	}
	list := []hostObject{}
	for _, h := range c.hooks[HostGitLab+" "+strconv.FormatInt(p.ID, 10)] {
		list = append(list, hostObject{
			"id": h.id, "url": h.url, "push_events": true, "tag_push_events": true,
			"enable_ssl_verification": true, "alert_status": "executable", "disabled_until": nil,
		})
	}
	return hostAnswer{status: http.StatusOK, body: list}
}
