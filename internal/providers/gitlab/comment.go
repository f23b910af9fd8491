package gitlab

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"reconciler/internal/message"
	"reconciler/internal/providers"
)

var _ providers.Commenter = (*Commenter)(nil)

// Commenter writes to merge requests on GitLab.
type Commenter struct{ api *providers.API }

// NewCommenter makes a Commenter; the API's base ends with /api/v4. The token
// is a personal, group or project access token with the scope api: a job's own
// token cannot comment.
func NewCommenter(api *providers.API, token string) *Commenter {
	return &Commenter{api.With(http.Header{"Private-Token": {token}})}
}

// Comments implements providers.Commenter.
func (c *Commenter) Comments(ctx context.Context, pr providers.PullRequest) (string, []providers.Comment, error) {
	var user gitlab.User
	if _, err := c.api.Call(ctx, http.MethodGet, "/user", nil, &user); err != nil {
		return "", nil, err
	}
	var all []providers.Comment
	err := providers.Pages(func(n int) (bool, error) {
		var page []gitlab.Note
		const size = 100
		_, err := c.api.Call(ctx, http.MethodGet, fmt.Sprintf("%s?per_page=%d&page=%d", notes(pr), size, n), nil, &page)
		for _, one := range page {
			if !one.System {
				all = append(all, providers.Comment{ID: strconv.FormatInt(one.ID, 10), Author: one.Author.Username, Body: one.Body})
			}
		}
		return len(page) == size, err
	})
	return user.Username, all, err
}

// Write implements providers.Commenter.
func (c *Commenter) Write(ctx context.Context, pr providers.PullRequest, id, body string) error {
	method, path := http.MethodPost, notes(pr)
	if id != "" {
		method, path = http.MethodPut, path+"/"+url.PathEscape(id)
	}
	_, err := c.api.Call(ctx, method, path, gitlab.CreateMergeRequestNoteOptions{Body: &body}, nil)
	return err
}

// SetStatus implements providers.Commenter. GitLab refuses to set the state
// that a commit already has ("Cannot transition status"); that counts as
// success.
func (c *Commenter) SetStatus(ctx context.Context, pr providers.PullRequest, status providers.CommitStatus) error {
	state := gitlab.BuildStateValue(status.State)
	if status.State == providers.StateFailure || status.State == providers.StateError {
		state = gitlab.Failed
	}
	in := gitlab.SetCommitStatusOptions{State: state, Name: &status.Name, Description: new(message.Cut(status.Description, 255))}
	if status.URL != "" {
		in.TargetURL = &status.URL
	}
	reply, err := c.api.Call(ctx, http.MethodPost,
		"/projects/"+url.PathEscape(pr.Project)+"/statuses/"+url.PathEscape(pr.Commit), in, nil)
	if reply.Status == http.StatusBadRequest && bytes.Contains(bytes.ToLower(reply.Body), []byte("cannot transition")) {
		return nil
	}
	return err
}

func notes(pr providers.PullRequest) string {
	return "/projects/" + url.PathEscape(pr.Project) + "/merge_requests/" + url.PathEscape(pr.Number) + "/notes"
}
