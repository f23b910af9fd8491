package bitbucket

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/providers"
)

var _ providers.Commenter = (*Commenter)(nil)

// Commenter writes to pull requests on Bitbucket Cloud.
type Commenter struct{ api *providers.API }

// NewCommenter makes a Commenter; the API's base ends with /2.0. The token is
// an access token of the repository, project or workspace, or an OAuth token.
func NewCommenter(api *providers.API, token string) *Commenter {
	return &Commenter{api.With(http.Header{"Authorization": {"Bearer " + token}})}
}

// Comments implements providers.Commenter. If Bitbucket does not report a user
// for the token, self is empty.
func (c *Commenter) Comments(ctx context.Context, pr providers.PullRequest) (string, []providers.Comment, error) {
	var user struct{ UUID string }
	_, err := c.api.Call(ctx, http.MethodGet, "/user", nil, &user)
	if err != nil && !providers.NotAllowed(err) {
		return "", nil, err
	}
	var all []providers.Comment
	err = providers.Pages(func(n int) (bool, error) {
		var page struct {
			Values []struct {
				ID      int64
				Deleted bool
				Content struct{ Raw string }
				User    struct{ UUID string }
			}
			Next string
		}
		_, err := c.api.Call(ctx, http.MethodGet, fmt.Sprintf("%s?pagelen=100&page=%d", comments(pr), n), nil, &page)
		for _, one := range page.Values {
			if !one.Deleted {
				all = append(all, providers.Comment{ID: strconv.FormatInt(one.ID, 10), Author: one.User.UUID, Body: one.Content.Raw})
			}
		}
		// Only whether there is a next page matters: its address is not
		// followed.
		return page.Next != "", err
	})
	return user.UUID, all, err
}

// Write implements providers.Commenter.
func (c *Commenter) Write(ctx context.Context, pr providers.PullRequest, id, body string) error {
	method, path := http.MethodPost, comments(pr)
	if id != "" {
		method, path = http.MethodPut, path+"/"+url.PathEscape(id)
	}
	_, err := c.api.Call(ctx, method, path, map[string]any{"content": map[string]string{"raw": body}}, nil)
	return err
}

// SetStatus implements providers.Commenter.
func (c *Commenter) SetStatus(ctx context.Context, pr providers.PullRequest, status providers.CommitStatus) error {
	if status.URL == "" {
		return message.NewError("bitbucket.status-url")
	}
	state, known := map[providers.State]string{
		providers.StatePending: "INPROGRESS", providers.StateSuccess: "SUCCESSFUL",
		providers.StateFailure: "FAILED", providers.StateError: "STOPPED",
	}[status.State]
	if !known {
		return message.NewError("bitbucket.state", "state", status.State)
	}
	_, err := c.api.Call(ctx, http.MethodPost, projectPath(pr)+"/commit/"+url.PathEscape(pr.Commit)+"/statuses/build", map[string]string{
		"key": message.Cut(status.Name, 40), "name": status.Name, "state": state,
		"description": status.Description, "url": status.URL,
	}, nil)
	return err
}

func projectPath(pr providers.PullRequest) string {
	workspace, slug, _ := strings.Cut(pr.Project, "/")
	return "/repositories/" + url.PathEscape(workspace) + "/" + url.PathEscape(slug)
}

func comments(pr providers.PullRequest) string {
	return projectPath(pr) + "/pullrequests/" + url.PathEscape(pr.Number) + "/comments"
}
