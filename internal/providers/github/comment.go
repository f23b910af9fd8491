package github

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/go-github/v89/github"

	"reconciler/internal/message"
	"reconciler/internal/providers"
)

var _ providers.Commenter = (*Commenter)(nil)

// actionsBot is the user of a GitHub Actions job's token. The token itself does
// not show this: GitHub does not report the user of such a token.
const actionsBot = "github-actions[bot]"

// Commenter writes to pull requests on GitHub and GitHub Enterprise.
type Commenter struct{ api *providers.API }

// NewCommenter makes a Commenter; the API's base is https://api.github.com or
// GitHub Enterprise's /api/v3.
func NewCommenter(api *providers.API, token string) *Commenter {
	return &Commenter{api.With(http.Header{"Authorization": {"Bearer " + token}, "X-GitHub-Api-Version": {"2022-11-28"}})}
}

// Comments implements providers.Commenter.
func (c *Commenter) Comments(ctx context.Context, pr providers.PullRequest) (string, []providers.Comment, error) {
	var user github.User
	_, err := c.api.Call(ctx, http.MethodGet, "/user", nil, &user)
	if providers.NotAllowed(err) {
		user.Login, err = new(actionsBot), nil
	}
	if err != nil {
		return "", nil, err
	}
	var all []providers.Comment
	err = providers.Pages(func(n int) (bool, error) {
		var page []github.IssueComment
		const size = 100
		_, err := c.api.Call(ctx, http.MethodGet,
			fmt.Sprintf("%s/issues/%s/comments?per_page=%d&page=%d", projectPath(pr), url.PathEscape(pr.Number), size, n), nil, &page)
		for _, one := range page {
			all = append(all, providers.Comment{ID: strconv.FormatInt(one.GetID(), 10), Author: one.GetUser().GetLogin(), Body: one.GetBody()})
		}
		return len(page) == size, err
	})
	return user.GetLogin(), all, err
}

// Write implements providers.Commenter.
func (c *Commenter) Write(ctx context.Context, pr providers.PullRequest, id, body string) error {
	method, path := http.MethodPost, "/issues/"+url.PathEscape(pr.Number)+"/comments"
	if id != "" {
		method, path = http.MethodPatch, "/issues/comments/"+url.PathEscape(id)
	}
	_, err := c.api.Call(ctx, method, projectPath(pr)+path, github.IssueComment{Body: &body}, nil)
	return err
}

// SetStatus implements providers.Commenter.
func (c *Commenter) SetStatus(ctx context.Context, pr providers.PullRequest, status providers.CommitStatus) error {
	in := github.RepoStatus{
		State: new(string(status.State)), Context: &status.Name, Description: new(message.Cut(status.Description, 140)),
	}
	if status.URL != "" {
		in.TargetURL = &status.URL
	}
	_, err := c.api.Call(ctx, http.MethodPost, projectPath(pr)+"/statuses/"+url.PathEscape(pr.Commit), in, nil)
	return err
}

func projectPath(pr providers.PullRequest) string {
	owner, name, _ := strings.Cut(pr.Project, "/")
	return "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(name)
}
