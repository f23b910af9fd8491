package git

import (
	"context"
	"errors"
	"fmt"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"reconciler/internal/source"
)

// Local reads the commits of a clone on disk. It reads git objects and refs
// only, never the work tree, and writes nothing. It is used by one goroutine at
// a time.
type Local struct {
	repository *gogit.Repository
	root       string
	limits     source.Limits
}

// OpenLocal opens the repository that the folder dir belongs to, which it
// looks for upward.
func OpenLocal(dir string, limits source.Limits) (*Local, error) {
	repository, err := gogit.PlainOpenWithOptions(dir, &gogit.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if errors.Is(err, gogit.ErrRepositoryNotExists) {
		return nil, fmt.Errorf("git: %s is in no repository", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("git: open the repository of %s: %w", dir, err)
	}
	l := &Local{repository: repository, limits: limits.WithDefaults()}
	if tree, err := repository.Worktree(); err == nil {
		l.root = tree.Filesystem.Root()
	}
	return l, nil
}

// Root is the top folder of the work tree; empty for a bare repository.
func (l *Local) Root() string { return l.root }

// Resolve gives the id of the commit that rev means: a branch, a tag, a remote
// branch, an id or the start of one, or any of these with ~N or ^N.
func (l *Local) Resolve(rev string) (string, error) {
	h, err := l.repository.ResolveRevision(plumbing.Revision(rev))
	if err != nil {
		return "", fmt.Errorf("git: revision %q is not in this clone: %w; fetch it first", rev, err)
	}
	return h.String(), nil
}

// MergeBase returns the commit at which head left base: the best common
// ancestor. If there is none, or if the clone is too shallow to find it, it is
// base itself. Both are full ids.
func (l *Local) MergeBase(base, head string) (string, error) {
	var commits [2]*object.Commit
	for i, rev := range []string{base, head} {
		var err error
		if commits[i], err = l.repository.CommitObject(plumbing.NewHash(rev)); err != nil {
			return "", fmt.Errorf("git: commit %s: %w", rev, err)
		}
	}
	common, err := commits[0].MergeBase(commits[1])
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound), err == nil && len(common) == 0:
		return base, nil
	case err != nil:
		return "", fmt.Errorf("git: where %s left %s: %w", head, base, err)
	}
	return common[0].Hash.String(), nil
}

// Snapshot reads the folder path, or the root where that is empty, at the
// commit with the full id. Files are named relative to it. Where there is no
// such folder at the commit, the error is a *binding.Failure of kind NotFound.
func (l *Local) Snapshot(ctx context.Context, id, path string) (source.Snapshot, error) {
	names, err := cleanPath(path)
	if err != nil {
		return source.Snapshot{}, err
	}
	commit, err := l.repository.CommitObject(plumbing.NewHash(id))
	if err != nil {
		return source.Snapshot{}, fmt.Errorf("git: commit %s: %w", id, err)
	}
	t := &tree{store: l.repository.Storer, root: commit.TreeHash, used: map[plumbing.Hash]struct{}{}}
	snapshot, err := t.snapshot(ctx, names, l.limits)
	snapshot.Revision, snapshot.Time = id, commit.Committer.When
	return snapshot, err
}
