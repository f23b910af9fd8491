package git

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/source"
)

// tree reads one commit's tree from the object store and records which objects
// it used, so that all others can be dropped.
type tree struct {
	store objects
	root  plumbing.Hash
	used  map[plumbing.Hash]neededObject
	// listed and read are folders and contents that were read for another commit of
	// the same clone, so that what two commits share is read once; nil if nothing
	// is kept.
	listed map[plumbing.Hash][]source.Entry
	read   map[plumbing.Hash][]byte
}

// snapshot selects the files below the root, without the revision and time of the
// commit.
func (t *tree) snapshot(ctx context.Context, limits source.Limits) (source.Snapshot, error) {
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

// errMissing means that an object is not in the store: the cache is incomplete.
var errMissing = message.NewError("git.missing")

func (t *tree) get(h plumbing.Hash, typ plumbing.ObjectType) (plumbing.EncodedObject, error) {
	obj, err := t.store.EncodedObject(typ, h)
	if err != nil {
		return nil, missing(typ, h, err)
	}
	if s, ok := t.store.(*store); ok {
		t.used[h], err = s.get(typ, h)
	}
	return obj, err
}

func missing(typ plumbing.ObjectType, h plumbing.Hash, err error) error {
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return message.NewError("git.missing-object", "what", errMissing, "type", typ, "id", h)
	}
	return err
}

func (t *tree) entries(h plumbing.Hash) ([]object.TreeEntry, error) {
	obj, err := t.get(h, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	var decoded object.Tree
	if err := decoded.Decode(obj); err != nil {
		return nil, message.NewError("git.tree", "tree", h, "why", err)
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
					Kind: binding.Refused, Fault: binding.FaultRequest, Code: notDirectory(e.Mode), Op: message.New("op.git.path"), Object: pathOf(names[:i+1]),
					Err: message.NewError("git.not-folder"), Hint: message.New("git.name-folder"),
				}
			}
			t.root = e.Hash
			continue next
		}
		return &binding.Failure{
			Kind: binding.NotFound, Fault: binding.FaultRequest, Code: "source-path", Op: message.New("op.git.path"), Object: pathOf(names[:i+1]),
			Err: message.NewError("git.no-folder"), Hint: message.New("git.correct-path"),
		}
	}
	return nil
}

// wanted returns the blobs that a snapshot of the commit tip reads and that the
// store does not have. It includes those that an ignore file excludes.
func (t *tree) wanted(ctx context.Context, tip plumbing.Hash, names []string) ([]plumbing.Hash, error) {
	commit, err := commitAt(t.store, tip)
	if err != nil {
		return nil, missing(plumbing.CommitObject, tip, err)
	}
	t.root = commit.TreeHash
	if err := t.enter(names); err != nil {
		return nil, err
	}
	var blobs []plumbing.Hash
	seen := map[plumbing.Hash]bool{}
	err = source.Readable(ctx, t, func(e source.Entry) {
		h := plumbing.NewHash(e.ID)
		if _, err := t.store.EncodedObjectSize(h); err != nil && !seen[h] {
			seen[h] = true
			blobs = append(blobs, h)
		}
	})
	return blobs, err
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

func (t *tree) List(dir source.Entry) ([]source.Entry, error) {
	h := t.root
	if dir.ID != "" {
		h = plumbing.NewHash(dir.ID)
	}
	if list, ok := t.listed[h]; ok {
		return list, nil
	}
	entries, err := t.entries(h)
	if err != nil {
		return nil, err
	}
	list := make([]source.Entry, len(entries))
	for i, e := range entries {
		list[i] = source.Entry{Name: e.Name, Kind: kind(e.Mode), ID: e.Hash.String()}
	}
	if t.listed != nil {
		t.listed[h] = list
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

// Read implements source.Tree. The digest is the object's ID.
func (t *tree) Read(file source.Entry, limit int64) ([]byte, string, error) {
	h := plumbing.NewHash(file.ID)
	if data, ok := t.read[h]; ok && int64(len(data)) <= limit {
		return data, file.ID, nil
	}
	if s, ok := t.store.(*store); ok {
		data, err := t.fetched(s, h, limit)
		return data, file.ID, err
	}
	// A large object is not in memory before its content is read (see
	// localOptions).
	obj, err := t.store.EncodedObject(plumbing.BlobObject, h)
	if err != nil {
		return nil, "", missing(plumbing.BlobObject, h, err)
	}
	if obj.Size() > limit {
		return nil, "", source.ErrTooLarge
	}
	data, err := contentOf(obj)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", err
	}
	if t.read != nil {
		t.read[h] = data
	}
	return data, file.ID, nil
}

// fetched reads a fetched file, and records that it is used.
func (t *tree) fetched(s *store, h plumbing.Hash, limit int64) ([]byte, error) {
	size, err := s.EncodedObjectSize(h)
	if err != nil {
		return nil, missing(plumbing.BlobObject, h, err)
	}
	if size > limit {
		t.used[h] = neededObject{kind: plumbing.BlobObject, size: size}
		return nil, source.ErrTooLarge
	}
	found, err := s.get(plumbing.BlobObject, h)
	if err != nil || found.kind != plumbing.BlobObject {
		return nil, missing(plumbing.BlobObject, h, cmp.Or(err, plumbing.ErrObjectNotFound))
	}
	t.used[h] = found
	return found.content, nil
}
