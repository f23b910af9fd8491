package git

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"reconciler/internal/binding"
	"reconciler/internal/source"
)

// tree reads one commit's tree straight from the object store and keeps in
// mind which objects it used, so that all others can go.
type tree struct {
	store objects
	root  plumbing.Hash
	used  map[plumbing.Hash]struct{}
}

// objects is where a tree reads: what was fetched, or a clone.
type objects interface {
	EncodedObject(plumbing.ObjectType, plumbing.Hash) (plumbing.EncodedObject, error)
}

// snapshot selects what lies under the path of names, without the revision and
// time of the commit.
func (t *tree) snapshot(ctx context.Context, names []string, limits source.Limits) (source.Snapshot, error) {
	if err := t.enter(names); err != nil {
		return source.Snapshot{}, err
	}
	files, findings, err := source.Select(ctx, t, limits)
	if err != nil {
		return source.Snapshot{}, err
	}
	policies, found, err := source.Policies(t)
	if err != nil {
		return source.Snapshot{}, err
	}
	return source.Snapshot{Files: files, Policies: policies, Findings: append(findings, found...)}, nil
}

// errMissing says that an object is not in the store: the cache is not whole.
var errMissing = errors.New("an object is missing from the clone")

func (t *tree) get(h plumbing.Hash, typ plumbing.ObjectType) (plumbing.EncodedObject, error) {
	obj, err := t.store.EncodedObject(typ, h)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s", errMissing, typ, h)
	}
	t.used[h] = struct{}{}
	return obj, nil
}

func (t *tree) entries(h plumbing.Hash) ([]object.TreeEntry, error) {
	obj, err := t.get(h, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	var decoded object.Tree
	if err := decoded.Decode(obj); err != nil {
		return nil, fmt.Errorf("tree %s: %w", h, err)
	}
	return decoded.Entries, nil
}

// enter makes the directory at the path of names the root.
func (t *tree) enter(names []string) error {
next:
	for i, name := range names {
		entries, err := t.entries(t.root)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Name != name {
				continue
			}
			if e.Mode != filemode.Dir {
				return &binding.Failure{
					Kind: binding.Refused, Fault: binding.FaultRequest, Code: notDirectory(e.Mode), Op: "git: path", Object: pathOf(names[:i+1]),
					Err: errors.New("it is not a folder"), Hint: "name a folder of the repository",
				}
			}
			t.root = e.Hash
			continue next
		}
		return &binding.Failure{
			Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "source-path", Op: "git: path", Object: pathOf(names[:i+1]),
			Err: errors.New("there is no such folder at this commit"), Hint: "correct the source's path, or commit the folder",
		}
	}
	return nil
}

func notDirectory(m filemode.FileMode) string {
	switch m {
	case filemode.Symlink:
		return "source-symlink"
	case filemode.Submodule:
		return "source-submodule"
	default:
		return "source-path"
	}
}

// List implements source.Tree.
func (t *tree) List(dir source.Entry) ([]source.Entry, error) {
	h := t.root
	if dir.ID != "" {
		h = plumbing.NewHash(dir.ID)
	}
	entries, err := t.entries(h)
	if err != nil {
		return nil, err
	}
	list := make([]source.Entry, len(entries))
	for i, e := range entries {
		list[i] = source.Entry{Name: e.Name, Kind: kind(e.Mode), ID: e.Hash.String()}
	}
	return list, nil
}

func kind(m filemode.FileMode) source.Kind {
	switch m {
	case filemode.Regular, filemode.Executable, filemode.Deprecated:
		return source.Regular
	case filemode.Dir:
		return source.Directory
	case filemode.Symlink:
		return source.Symlink
	case filemode.Submodule:
		return source.Submodule
	default:
		return source.Irregular
	}
}

// Read implements source.Tree; the digest is the object's id.
func (t *tree) Read(file source.Entry, limit int64) ([]byte, string, error) {
	obj, err := t.get(plumbing.NewHash(file.ID), plumbing.BlobObject)
	if err != nil {
		return nil, "", err
	}
	if obj.Size() > limit {
		return nil, "", source.ErrTooLarge
	}
	data, err := content(obj)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	return data, file.ID, nil
}
