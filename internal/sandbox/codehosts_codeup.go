package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// CodeupOrganization is the one organization of the played Codeup.
const CodeupOrganization = "60de7a6852743a5162b5f957"

// Permissions of a Codeup token. The last two are not in the product's
// least-privilege list.
const (
	PermissionMembers       = "organization-members"
	PermissionDepartments   = "organization-departments"
	PermissionRepositories  = "code-repositories"
	PermissionBranches      = "branches"
	PermissionTags          = "tags"
	PermissionWebhooksRead  = "webhooks-read"
	PermissionWebhooksWrite = "webhooks-write"
	PermissionUser          = "user"
	PermissionCloneName     = "clone-name"
)

// codeupHookBytes bounds the body of a webhook.
const codeupHookBytes = 64 << 10

// Codeup serves the central edition's API below /oapi/v1.
func (c *CodeHosts) Codeup() http.Handler { return c.handle(HostCodeup, c.codeup) }

func (c *CodeHosts) codeup(r *http.Request) hostAnswer {
	path := hostPath(r, "/oapi/v1/")
	t := c.token(HostCodeup, r.Header.Get("X-Yunxiao-Token"))
	if t == nil || c.invalid(t) {
		return codeupRefusal(http.StatusUnauthorized, "InvalidToken")
	}
	u := c.user(HostCodeup, t.Username)
	if u == nil {
		return codeupRefusal(http.StatusUnauthorized, "InvalidToken")
	}
	switch {
	case len(path) == 2 && path[0] == "platform" && path[1] == "user":
		return t.guarded(PermissionUser, func() hostAnswer { return codeupUser(u) })
	case len(path) == 2 && path[0] == "platform" && path[1] == "organizations":
		return hostAnswer{status: http.StatusOK, body: []hostObject{{"id": CodeupOrganization, "name": "Sandbox"}}}
	case len(path) < 4 || path[1] != "organizations" || path[2] != CodeupOrganization:
		return codeupRefusal(http.StatusNotFound, "NotFound")
	case path[0] == "platform":
		return codeupPlatform(t, u, path[3:])
	case path[0] == "codeup":
		return c.codeupCode(r, t, u, path[3:])
	}
	return codeupRefusal(http.StatusNotFound, "NotFound")
}

func codeupUser(u *HostUser) hostAnswer {
	return hostAnswer{status: http.StatusOK, body: hostObject{
		"id": strconv.FormatInt(u.ID, 10), "name": u.Login, "nickName": u.Login, "username": u.Login, "email": "",
		"staffId": "", "lastOrganization": CodeupOrganization, "sysDeptIds": []string{}, "createdAt": "2026-01-02T03:04:05Z", "deletedAt": nil,
	}}
}

// guarded answers only a token that has the permission.
func (t *HostToken) guarded(permission string, answer func() hostAnswer) hostAnswer {
	if t.Permissions != nil && !slices.Contains(t.Permissions, permission) {
		return codeupRefusal(http.StatusForbidden, "Forbidden")
	}
	return answer()
}

func codeupRefusal(status int, code string) hostAnswer {
	return hostAnswer{status: status, body: hostObject{
		"traceId": "sandbox", "requestId": "sandbox", "code": status, "errorCode": code, "errorMessage": http.StatusText(status),
	}}
}

func codeupList(list ...hostObject) hostAnswer {
	return hostAnswer{
		status: http.StatusOK, body: append([]hostObject{}, list...),
		header: map[string]string{"x-page": "1", "x-per-page": "1", "x-total": strconv.Itoa(len(list)), "x-request-id": "sandbox"},
	}
}

func codeupPlatform(t *HostToken, u *HostUser, path []string) hostAnswer {
	switch path[0] {
	case "members":
		return t.guarded(PermissionMembers, func() hostAnswer {
			return codeupList(hostObject{"id": strconv.FormatInt(u.ID, 10), "name": u.Login})
		})
	case "departments":
		return t.guarded(PermissionDepartments, func() hostAnswer { return codeupList() })
	}
	return codeupRefusal(http.StatusNotFound, "NotFound")
}

func (c *CodeHosts) codeupCode(r *http.Request, t *HostToken, u *HostUser, path []string) hostAnswer {
	switch {
	case len(path) == 3 && path[0] == "users" && path[2] == "httpsCloneUsername":
		return t.guarded(PermissionCloneName, func() hostAnswer {
			return hostAnswer{status: http.StatusOK, body: hostObject{"httpsCloneUsername": u.Username}}
		})
	case path[0] != "repositories":
		return codeupRefusal(http.StatusNotFound, "NotFound")
	case len(path) == 1:
		return t.guarded(PermissionRepositories, func() hostAnswer {
			if len(c.projects[HostCodeup]) == 0 {
				return codeupList()
			}
			return codeupList(codeupRepository(c.projects[HostCodeup][0]))
		})
	}
	p := c.project(HostCodeup, strings.TrimPrefix(path[1], CodeupOrganization+"/"))
	if p == nil {
		p = c.projectByID(HostCodeup, path[1])
	}
	if p == nil {
		return codeupRefusal(http.StatusNotFound, "REPOSITORY_NOT_FOUND")
	}
	return c.codeupProject(r, t, p, path[2:])
}

func (c *CodeHosts) codeupProject(r *http.Request, t *HostToken, p *HostProject, path []string) hostAnswer {
	switch {
	case len(path) == 0:
		return t.guarded(PermissionRepositories, func() hostAnswer {
			return hostAnswer{status: http.StatusOK, body: codeupRepository(p)}
		})
	case path[0] == "branches":
		return t.guarded(PermissionBranches, func() hostAnswer {
			return codeupList(hostObject{"name": "main", "defaultBranch": true, "protected": true, "webUrl": ""})
		})
	case path[0] == "tags":
		return t.guarded(PermissionTags, func() hostAnswer { return codeupList() })
	case path[0] == "webhooks" && r.Method == http.MethodGet:
		return t.guarded(PermissionWebhooksRead, func() hostAnswer { return c.codeupHooks(p) })
	case path[0] == "changeRequests", path[0] == "commits":
		return c.serveCodeupComments(r, t, p, path)
	case path[0] == "webhooks":
		return t.guarded(PermissionWebhooksWrite, func() hostAnswer { return c.codeupWrite(r, p, path[1:]) })
	}
	return codeupRefusal(http.StatusNotFound, "NotFound")
}

func codeupRepository(p *HostProject) hostObject {
	return hostObject{
		"id": p.ID, "path": p.Path[strings.LastIndex(p.Path, "/")+1:], "name": p.Path[strings.LastIndex(p.Path, "/")+1:],
		"pathWithNamespace": CodeupOrganization + "/" + p.Path, "nameWithNamespace": p.Path, "namespaceId": p.ID + 100000,
		"visibility": "private", "webUrl": "", "accessLevel": 40, "archived": p.Archived,
	}
}

func (c *CodeHosts) codeupHooks(p *HostProject) hostAnswer {
	var list []hostObject
	for _, h := range c.hooks[HostCodeup+" "+strconv.FormatInt(p.ID, 10)] {
		list = append(list, hostObject{"id": h.id, "repositoryId": p.ID, "url": h.url, "pushEvents": true, "enableSSLVerification": true})
	}
	return codeupList(list...)
}

// codeupWrite makes or deletes a webhook.
func (c *CodeHosts) codeupWrite(r *http.Request, p *HostProject, path []string) hostAnswer {
	key := HostCodeup + " " + strconv.FormatInt(p.ID, 10)
	switch {
	case r.Method == http.MethodPost && len(path) == 0:
		var hook struct {
			URL string `json:"url"`
		}
		if json.NewDecoder(io.LimitReader(r.Body, codeupHookBytes)).Decode(&hook) != nil || hook.URL == "" {
			return codeupRefusal(http.StatusBadRequest, "INVALID_PARAMETER")
		}
		c.next++
		c.hooks[key] = append(c.hooks[key], hostHook{c.next, hook.URL})
		return hostAnswer{status: http.StatusCreated, body: hostObject{"id": c.next, "repositoryId": p.ID, "url": hook.URL}}
	case r.Method == http.MethodDelete && len(path) == 1:
		before := len(c.hooks[key])
		c.hooks[key] = slices.DeleteFunc(c.hooks[key], func(h hostHook) bool { return strconv.FormatInt(h.id, 10) == path[0] })
		if len(c.hooks[key]) == before {
			return codeupRefusal(http.StatusNotFound, "WEBHOOK_NOT_FOUND")
		}
		return hostAnswer{status: http.StatusOK, body: hostObject{"result": true}}
	}
	return codeupRefusal(http.StatusNotFound, "NotFound")
}

// AddHook puts a webhook at a project, as the product does for an automatic
// build.
func (c *CodeHosts) AddHook(platform, path, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.project(platform, path); p != nil {
		key := platform + " " + strconv.FormatInt(p.ID, 10)
		c.next++
		c.hooks[key] = append(c.hooks[key], hostHook{c.next, address})
	}
}

// Hooks are the URLs of a project's webhooks.
func (c *CodeHosts) Hooks(platform, path string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.project(platform, path)
	if p == nil {
		return nil
	}
	var urls []string
	for _, h := range c.hooks[platform+" "+strconv.FormatInt(p.ID, 10)] {
		urls = append(urls, h.url)
	}
	return urls
}
