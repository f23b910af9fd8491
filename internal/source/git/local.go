package git

import (
	"cmp"
	"context"
	"errors"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// Local reads the commits of a clone on disk. It reads git objects and refs
// only, never the work tree, and writes nothing. Only one goroutine at a time
// may use it.
type Local struct {
	store  *localStore
	reopen func() (*localStore, error)
	root   string
	limits source.Limits
	// listed and read are kept between commits (see tree).
	listed map[plumbing.Hash][]source.Entry
	read   map[plumbing.Hash][]byte
}

// OpenLocal opens the repository that the folder dir belongs to, which it
// searches for upward. It uses only objects and references. It reads only their
// formats from the clone's configuration, so that nothing else there can
// prevent reading the clone.
func OpenLocal(dir string, limits source.Limits) (*Local, error) {
	store, root, err := openStore(dir)
	if errors.Is(err, gogit.ErrRepositoryNotExists) {
		return nil, message.NewError("git.no-repository", "dir", dir)
	}
	if err != nil {
		return nil, message.NewError("git.open", "dir", dir, "why", err)
	}
	reopen := func() (*localStore, error) {
		again, _, err := openStore(dir)
		return again, err
	}
	return &Local{
		store: store, reopen: reopen, root: root, limits: limits.WithDefaults(),
		listed: map[plumbing.Hash][]source.Entry{}, read: map[plumbing.Hash][]byte{},
	}, nil
}

// Root is the root folder of the work tree; empty for a bare repository.
func (l *Local) Root() string { return l.root }

// Top is the folder that the repository's paths are relative to: the root of the
// work tree, or the folder of a bare repository.
func (l *Local) Top() string { return cmp.Or(l.root, l.store.common) }

// Snapshot reads the folder path, or the root if path is empty, at the commit
// with the full ID id. The paths of files are relative to the folder. If the
// commit has no such folder, the error is a *binding.Failure of kind NotFound.
func (l *Local) Snapshot(ctx context.Context, id, path string) (source.Snapshot, error) {
	names, err := cleanPath(path)
	if err != nil {
		return source.Snapshot{}, err
	}
	commit, err := commitAt(l.store, plumbing.NewHash(id))
	if err != nil {
		return source.Snapshot{}, l.missing(message.New("op.git.find-commit"), plumbing.CommitObject, id, err)
	}
	t := &tree{store: l.store, root: commit.TreeHash, used: map[plumbing.Hash]neededObject{}, listed: l.listed, read: l.read}
	var snapshot source.Snapshot
	if err = t.enter(names); err == nil {
		l.readAhead(ctx, t)
		snapshot, err = t.snapshot(ctx, l.limits)
	}
	if errors.Is(err, errMissing) {
		err = l.missing(message.New("op.git.read-commit"), plumbing.AnyObject, id, err)
	}
	snapshot.Revision = id
	return snapshot, err
}

// missing is the failure to read an object that the clone does not have.
func (l *Local) missing(op message.Message, lacks plumbing.ObjectType, id string, err error) error {
	return &binding.Failure{
		Kind: binding.Unreadable, Code: "incomplete", Op: op, Object: id, Err: err,
		Hint: l.store.completeHint(lacks, message.New("git.fsck")),
	}
}
