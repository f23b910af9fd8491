package providers

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"reconciler/internal/message"
)

// PullRequest names what is commented on.
type PullRequest struct {
	// Project is the project's path; at GitLab its number will do.
	Project string
	// Number is the pull request's, as people write it.
	Number string
	// Commit is the full id of the commit that gets the status; empty where
	// no status is to be set.
	Commit string
}

// Comment is a comment on a pull request.
type Comment struct {
	// ID is the host's; Author is the host's stable name of who wrote it.
	ID, Author, Body string
}

// State is what a commit status says.
type State string

// States of a commit. Error is for a run without a result.
const (
	StatePending State = "pending"
	StateSuccess State = "success"
	StateFailure State = "failure"
	StateError   State = "error"
)

// CommitStatus is what is set at a commit; a host shows one for each Name.
type CommitStatus struct {
	State             State
	Name, Description string
	// URL leads to the run; some hosts (Bitbucket) refuse a status without.
	URL string
}

// Commenter writes to the pull requests of one code host, with the token that
// it was made with. The token goes to the host that it was made for and
// nowhere else.
type Commenter interface {
	// Comments lists who the token writes as, and all comments of the pull
	// request, whosoever.
	Comments(ctx context.Context, pr PullRequest) (self string, comments []Comment, err error)
	// Write makes a comment, or gives the one with this ID another body.
	Write(ctx context.Context, pr PullRequest, id, body string) error
	// SetStatus sets the status of the pull request's commit. A host that
	// holds this state already is done.
	SetStatus(ctx context.Context, pr PullRequest, status CommitStatus) error
}

// Publication says what became of a comment.
type Publication string

// What Publish did.
const (
	Created   Publication = "created"
	Updated   Publication = "updated"
	Unchanged Publication = "unchanged"
	Silent    Publication = "silent"
)

// Publish posts a comment, or updates the one that begins with its marker and
// that the token's own user wrote. Anybody can write a marker, so another
// user's comment is never touched. A quiet post makes no new comment, but still
// updates an existing one, which would be outdated.
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
	// smallestPage is the size of the smallest page that a host gives.
	smallestPage = 100
	// listReads is how often a list of several pages is read that does not have
	// our comment.
	listReads = 2
)

// ownComment finds the comment that Publish updates. A comment of others that is
// deleted while the pages are read moves ours to a page that was read before, so
// a list of several pages without ours is read again.
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

// Post is what Publish puts at a pull request.
type Post struct {
	// Marker is the first line of Body.
	Marker, Body string
	// Author is the token's user, if the host does not report it.
	Author string
	// Quiet makes no comment where there is none.
	Quiet bool
}

func begins(body, marker string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(body), "\n")
	return strings.TrimSpace(first) == marker
}

// maxPages bounds the lists that are read.
const maxPages = 50

// Pages calls page with 1, 2, … until it says that there are no more.
func Pages(page func(n int) (more bool, err error)) error {
	for n := 1; n <= maxPages; n++ {
		if more, err := page(n); err != nil || !more {
			return err
		}
	}
	return message.NewError("host.comments", "pages", maxPages)
}
