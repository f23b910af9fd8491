package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Bitbucket serves the API of api.bitbucket.org below /2.0. An account is
// known by its workspace, whose slug is its username.
func (c *CodeHosts) Bitbucket() http.Handler {
	return c.handle(HostBitbucket, func(r *http.Request) hostAnswer {
		a := c.bitbucket(r)
		if t := c.token(HostBitbucket, bearerOf(r)); t != nil {
			a.header = map[string]string{"X-OAuth-Scopes": strings.Join(t.Scopes, ", "), "X-Credential-Type": "api_token"}
		}
		return a
	})
}

func (c *CodeHosts) bitbucket(r *http.Request) hostAnswer {
	value := bearerOf(r)
	t := c.token(HostBitbucket, value)
	if value != "" && (t == nil || c.invalid(t)) {
		return hostAnswer{status: http.StatusUnauthorized, body: "Token is invalid, expired, or not supported for this endpoint."}
	}
	path := hostPath(r, "/2.0/")
	switch {
	case len(path) == 1 && path[0] == "user" && t == nil:
		return bitbucketRefusal(http.StatusUnauthorized, "Access denied.")
	case len(path) == 1 && path[0] == "user":
		return bitbucketUser(c.user(HostBitbucket, t.Username))
	case len(path) == 2 && path[0] == "workspaces":
		return bitbucketWorkspace(c.workspace(path[1]))
	case len(path) > 3 && path[0] == "repositories":
		return c.serveBitbucketComments(r, t, path[1:])
	case len(path) == 3 && path[0] == "repositories":
		return c.bitbucketRepository(t, path[1], path[2])
	}
	return bitbucketRefusal(http.StatusNotFound, "Resource not found")
}

func bitbucketRefusal(status int, message string) hostAnswer {
	return hostAnswer{status: status, body: hostObject{"type": "error", "error": hostObject{"message": message}}}
}

// bitbucketUUID is the stable identifier made of a number.
func bitbucketUUID(id int64) string { return fmt.Sprintf("{00000000-0000-4000-8000-%012d}", id) }

// workspace finds a workspace by slug or uuid; c.mu is held.
func (c *CodeHosts) workspace(ref string) *HostUser {
	for _, u := range c.users[HostBitbucket] {
		if bitbucketUUID(u.ID) == ref {
			return u
		}
	}
	return c.user(HostBitbucket, ref)
}

func bitbucketUser(u *HostUser) hostAnswer {
	if u == nil {
		return bitbucketRefusal(http.StatusForbidden, "This credential belongs to no user.")
	}
	return hostAnswer{status: http.StatusOK, body: hostObject{
		"type": "user", "uuid": bitbucketUUID(u.ID), "display_name": u.Username, "nickname": u.Username,
		"account_id": fmt.Sprintf("557058:%d", u.ID), "account_status": "active", "created_on": "2026-01-02T03:04:05.000000+00:00",
	}}
}

func bitbucketWorkspace(u *HostUser) hostAnswer {
	if u == nil {
		return bitbucketRefusal(http.StatusNotFound, "No workspace with that identifier.")
	}
	return hostAnswer{status: http.StatusOK, body: hostObject{
		"type": "workspace", "uuid": bitbucketUUID(u.ID), "slug": u.Username, "name": u.Username, "is_private": false,
		"created_on": "2026-01-02T03:04:05.000000+00:00",
	}}
}

func (c *CodeHosts) bitbucketRepository(t *HostToken, space, slug string) hostAnswer {
	p := c.project(HostBitbucket, space+"/"+slug)
	for _, candidate := range c.projects[HostBitbucket] {
		if bitbucketUUID(candidate.ID) == slug {
			p = candidate
		}
	}
	switch {
	case p == nil:
		return bitbucketRefusal(http.StatusNotFound, "Repository "+space+"/"+slug+" not found")
	case p.Private && t == nil:
		return bitbucketRefusal(http.StatusForbidden, "Access denied. You must have read access.")
	case p.Private && !slices.Contains(t.Scopes, "repository") && !slices.Contains(t.Scopes, "read:repository:bitbucket"):
		return hostAnswer{status: http.StatusForbidden, body: hostObject{"type": "error", "error": hostObject{
			"message": "Your credentials lack one or more required privilege scopes.",
			"detail":  hostObject{"required": []string{"repository"}, "granted": append([]string{}, t.Scopes...)},
		}}}
	}
	owner, name, _ := strings.Cut(p.Path, "/")
	uuid := bitbucketUUID(p.ID + 100000)
	if u := c.user(HostBitbucket, owner); u != nil {
		uuid = bitbucketUUID(u.ID)
	}
	return hostAnswer{status: http.StatusOK, body: hostObject{
		"type": "repository", "uuid": bitbucketUUID(p.ID), "full_name": p.Path, "name": name, "is_private": p.Private, "scm": "git",
		"workspace": hostObject{"type": "workspace", "slug": owner, "uuid": uuid},
	}}
}
