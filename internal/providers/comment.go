package providers

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"reconciler/internal/message"
)

// PullRequest names the pull request to comment on.
type PullRequest struct {
	// Project is the project's path; for GitLab it may also be its number.
	Project string
	// Number is the pull request's number, as people write it.
	Number string
	// Commit is the full ID of the commit that gets the status; empty to set no
	// status.
	Commit string
}

// Comment is a comment on a pull request.
type Comment struct {
	// ID is the host's. Author is the host's stable name of the author.
	ID, Author, Body string
}

// State is the state of a commit status.
type State string

// States of a commit. Error is for a run without a result.
const (
	StatePending State = "pending"
	StateSuccess State = "success"
	StateFailure State = "failure"
	StateError   State = "error"
)

// CommitStatus is a status of a commit. A host shows one for each Name.
type CommitStatus struct {
	State             State
	Name, Description string
	// URL is the address of the run. Some hosts (Bitbucket) refuse a status
	// without it.
	URL string
}

// Commenter writes to the pull requests of one code host, with the token that
// it was made with. It sends the token only to the host that the token is for.
type Commenter interface {
	// Comments returns the user that the token writes as, and all comments of
	// the pull request by any author.
	Comments(ctx context.Context, pr PullRequest) (self string, comments []Comment, err error)
	// Write makes a comment or, with an ID, replaces the body of that comment.
	Write(ctx context.Context, pr PullRequest, id, body string) error
	// SetStatus sets the status of the pull request's commit. It succeeds if
	// the commit already has this state.
	SetStatus(ctx context.Context, pr PullRequest, status CommitStatus) error
}

// Publication is the result of publishing a comment.
type Publication string

// What Publish did.
const (
	Created   Publication = "created"
	Updated   Publication = "updated"
	Unchanged Publication = "unchanged"
	Silent    Publication = "silent"
)

// Publish posts a comment, or updates the one that begins with its marker and
// that the token's own user wrote. It never touches another user's comment,
// because anybody can write a marker. A quiet post makes no new comment, but
// still updates an existing one, which would otherwise be outdated.
func Publish(ctx context.Context, to Commenter, pr PullRequest, post Post) (Publication, error) {
	own, found, err := ownComment(ctx, to, pr, post)
	switch {
	case err != nil:
		return "", err
	case found && strings.TrimSpace(own.Body) == strings.TrimSpace(post.Body):
		return Unchanged, nil
	case found:
		return Updated, to.Write(ctx, pr, own.ID, post.Body)
	}
	if post.Quiet {
		return Silent, nil
	}
	return Created, to.Write(ctx, pr, "", post.Body)
}

const (
	// smallestPage is the smallest page size of all hosts.
	smallestPage = 100
	// listReads is how often a list of several pages is read if our comment is
	// not in it.
	listReads = 2
)

// ownComment finds the comment that Publish updates. If another comment is
// deleted while the pages are read, ours may move to a page that was read
// before. So a list of several pages without ours is read again.
func ownComment(ctx context.Context, to Commenter, pr PullRequest, post Post) (own Comment, found bool, err error) {
	for range listReads {
		self, comments, err := to.Comments(ctx, pr)
		if err != nil {
			return Comment{}, false, err
		}
		self = cmp.Or(post.Author, self)
		if self == "" {
			return Comment{}, false, message.NewError("host.own-comment")
		}
		at := slices.IndexFunc(comments, func(c Comment) bool {
			return strings.EqualFold(c.Author, self) && begins(c.Body, post.Marker)
		})
		if at >= 0 {
			return comments[at], true, nil
		}
		if len(comments) < smallestPage {
			break
		}
	}
	return Comment{}, false, nil
}

// Post is what Publish posts to a pull request.
type Post struct {
	// Marker is the first line of Body.
	Marker, Body string
	// Author is the token's user, if the host does not report it.
	Author string
	// Quiet makes no new comment.
	Quiet bool
}

func begins(body, marker string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	return strings.TrimSpace(first) == marker
}

// maxPages limits how many pages of a list are read.
const maxPages = 50

// Pages calls page with 1, 2, … until there are no more pages.
func Pages(page func(n int) (more bool, err error)) error {
	for n := 1; n <= maxPages; n++ {
		if more, err := page(n); err != nil || !more {
			return err
		}
	}
	return message.NewError("host.comments", "pages", maxPages)
}
