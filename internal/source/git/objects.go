package git

import (
	"slices"

	"github.com/go-git/go-git/v5/plumbing"

	"reconciler/internal/source"
)

// objects is where a tree reads objects: what was fetched, or a clone. The size
// of an object is found by reading only its header.
type objects interface {
	EncodedObject(plumbing.ObjectType, plumbing.Hash) (plumbing.EncodedObject, error)
	EncodedObjectSize(plumbing.Hash) (int64, error)
}

// neededObject is an object that a snapshot needed. An object above the limit has no
// content.
type neededObject struct {
	kind    plumbing.ObjectType
	content []byte
	size    int64
}

// store has what the snapshot of one commit needed and, while the next one is
// read, the packs that were fetched for it.
type store struct {
	held  map[plumbing.Hash]neededObject
	packs []*pack
}

// storing makes a store of some objects.
func storing(objects map[plumbing.Hash]neededObject) *store { return &store{held: objects} }

func newStore() *store { return storing(map[plumbing.Hash]neededObject{}) }

// before is the store as it was before anything was fetched.
func (s *store) before() *store { return storing(s.held) }

// release closes the packs.
func (s *store) release() {
	if s == nil {
		return
	}
	for _, p := range s.packs {
		p.spool.close()
	}
	s.packs = nil
}

// get returns an object. For one above the limit, the error is
// source.ErrTooLarge.
func (s *store) get(typ plumbing.ObjectType, h plumbing.Hash) (neededObject, error) {
	if found, ok := s.held[h]; ok {
		return found, nil
	}
	for _, p := range s.packs {
		i, ok := p.find(h, typ)
		if !ok {
			continue
		}
		kind, _ := p.kindOf(i)
		found := neededObject{kind: kind, size: int64(p.entries[i].size)}
		if found.size > p.maxSize(kind) {
			return found, nil
		}
		content, err := p.content(i)
		found.content = content
		return found, err
	}
	return neededObject{}, s.absent()
}

// absent is the error for a missing object. It may be missing because the
// object, or the base of its delta, is above the limit.
func (s *store) absent() error {
	if slices.ContainsFunc(s.packs, func(p *pack) bool { return p.skipped }) {
		return source.ErrTooLarge
	}
	return plumbing.ErrObjectNotFound
}

func (s *store) EncodedObject(typ plumbing.ObjectType, h plumbing.Hash) (plumbing.EncodedObject, error) {
	found, err := s.get(typ, h)
	switch {
	case err != nil:
		return nil, err
	case typ != plumbing.AnyObject && typ != found.kind:
		return nil, plumbing.ErrObjectNotFound
	case found.size > int64(len(found.content)):
		return nil, source.ErrTooLarge
	}
	obj := &plumbing.MemoryObject{}
	obj.SetType(found.kind)
	_, err = obj.Write(found.content)
	return obj, err
}

func (s *store) EncodedObjectSize(h plumbing.Hash) (int64, error) {
	if found, ok := s.held[h]; ok {
		return found.size, nil
	}
	for _, p := range s.packs {
		if i, ok := p.find(h, plumbing.BlobObject); ok {
			return int64(p.entries[i].size), nil
		}
	}
	return 0, s.absent()
}
