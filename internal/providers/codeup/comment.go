package codeup

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/providers"
)

var _ providers.Commenter = (*Commenter)(nil)

// Commenter writes to merge requests on Codeup, with the calls
// ListMergeRequestComments, CreateChangeRequestComment,
// UpdateChangeRequestComment and CreateCommitStatus.
type Commenter struct{ api *providers.API }

// NewCommenter makes a Commenter for the central edition; the API's base ends
// with /oapi/v1. The token is a personal one with permission to read users, and
// to read and write merge requests and commit statuses.
func NewCommenter(api *providers.API, token string) *Commenter {
	return &Commenter{api.With(http.Header{"X-Yunxiao-Token": {token}})}
}

// Comments implements providers.Commenter. The list is not paged.
func (c *Commenter) Comments(ctx context.Context, pr providers.PullRequest) (string, []providers.Comment, error) {
	var user struct{ ID string }
	if _, err := c.api.Call(ctx, http.MethodGet, "/platform/user", nil, &user); err != nil {
		return "", nil, err
	}
	var list []struct {
		ID      string `json:"comment_biz_id"`
		Content string `json:"content"`
		Deleted bool   `json:"is_deleted"`
		Author  struct {
			ID string `json:"userId"`
		} `json:"author"`
	}
	// Without "resolved", because a person may have resolved our comment.
	in := map[string]any{"comment_type": globalComment, "state": "OPENED"}
	if _, err := c.api.Call(ctx, http.MethodPost, comments(pr)+"/list", in, &list); err != nil {
		return "", nil, err
	}
	var all []providers.Comment
	for _, one := range list {
		if !one.Deleted {
			all = append(all, providers.Comment{ID: one.ID, Author: one.Author.ID, Body: one.Content})
		}
	}
	return user.ID, all, nil
}

// globalComment is a comment on the whole merge request.
const globalComment = "GLOBAL_COMMENT"

// Write implements providers.Commenter.
func (c *Commenter) Write(ctx context.Context, pr providers.PullRequest, id, body string) error {
	method, path := http.MethodPost, comments(pr)
	in := map[string]any{"content": body, "resolved": false}
	if id != "" {
		method, path = http.MethodPut, path+"/"+url.PathEscape(id)
	} else {
		in["comment_type"], in["draft"] = globalComment, false
	}
	_, err := c.api.Call(ctx, method, path, in, nil)
	return err
}

// SetStatus implements providers.Commenter.
func (c *Commenter) SetStatus(ctx context.Context, pr providers.PullRequest, status providers.CommitStatus) error {
	in := map[string]string{
		"state": string(status.State), "context": message.Cut(status.Name, 50), "description": status.Description,
	}
	if status.URL != "" {
		in["targetUrl"] = status.URL
	}
	_, err := c.api.Call(ctx, http.MethodPost, projectPath(pr)+"/commits/"+url.PathEscape(pr.Commit)+"/statuses", in, nil)
	return err
}

// projectPath is the API path of a project, which is named by the
// organization's ID and its own path.
func projectPath(pr providers.PullRequest) string {
	organization, _, _ := strings.Cut(pr.Project, "/")
	return "/codeup/organizations/" + url.PathEscape(organization) + "/repositories/" + url.PathEscape(pr.Project)
}

func comments(pr providers.PullRequest) string {
	return projectPath(pr) + "/changeRequests/" + url.PathEscape(pr.Number) + "/comments"
}
