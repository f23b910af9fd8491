package git

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"
)

// errTooLarge says that a repository is over Options.MaxRepositoryBytes.
var errTooLarge = errors.New("the repository is larger than the limit")

// unpacker puts the objects of one pack into a store. go-git's own parser
// inflates whatever a header declares; this one counts first, so that a small
// pack cannot become a large memory.
type unpacker struct {
	store *memory.Storage
	// left is how many inflated bytes may still come.
	left    int64
	offsets map[int64]plumbing.Hash
	// waiting are deltas whose base comes later in the pack.
	waiting []waitingDelta
}

// waitingDelta identifies its base by its offset in the pack, or by its id.
type waitingDelta struct {
	offset     int64
	baseOffset int64
	base       plumbing.Hash
	delta      []byte
}

// unpack reads one pack into store, which gets at most limit inflated bytes.
// Of a thin pack, objects whose base the store does not hold are left out: the
// other side takes us to hold all of an earlier commit, while we keep only
// what is of use. Whoever needs such an object finds it missing.
func unpack(r io.Reader, store *memory.Storage, limit int64, thin bool) error {
	u := unpacker{store: store, left: limit, offsets: map[int64]plumbing.Hash{}}
	scanner := packfile.NewScanner(r)
	_, count, err := scanner.Header()
	if err != nil {
		return fmt.Errorf("pack header: %w", err)
	}
	for range count {
		if err := u.next(scanner); err != nil {
			return err
		}
	}
	if _, err := scanner.Checksum(); err != nil {
		return fmt.Errorf("pack checksum: %w", err)
	}
	return u.settle(thin)
}

// next reads one object.
func (u *unpacker) next(scanner *packfile.Scanner) error {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return fmt.Errorf("pack object: %w", err)
	}
	if err := u.spend(header.Length); err != nil {
		return err
	}
	var content bytes.Buffer
	content.Grow(int(min(header.Length, 1<<20)))
	if _, _, err := scanner.NextObject(&content); err != nil {
		return fmt.Errorf("pack object at %d: %w", header.Offset, err)
	}
	switch header.Type {
	case plumbing.OFSDeltaObject:
		return u.delta(waitingDelta{offset: header.Offset, baseOffset: header.OffsetReference, delta: content.Bytes()})
	case plumbing.REFDeltaObject:
		return u.delta(waitingDelta{offset: header.Offset, base: header.Reference, delta: content.Bytes()})
	default:
		return u.put(header.Offset, header.Type, content.Bytes())
	}
}

func (u *unpacker) spend(n int64) error {
	if n < 0 || n > u.left {
		return errTooLarge
	}
	u.left -= n
	return nil
}

func (u *unpacker) put(offset int64, typ plumbing.ObjectType, content []byte) error {
	obj := &plumbing.MemoryObject{}
	obj.SetType(typ)
	if _, err := obj.Write(content); err != nil {
		return err
	}
	h, err := u.store.SetEncodedObject(obj)
	if err != nil {
		return fmt.Errorf("pack object at %d: %w", offset, err)
	}
	u.offsets[offset] = h
	return nil
}

// delta resolves a delta, or keeps it when its base has not come yet.
func (u *unpacker) delta(w waitingDelta) error {
	if w.baseOffset != 0 {
		w.base = u.offsets[w.baseOffset]
	}
	obj, err := u.store.EncodedObject(plumbing.AnyObject, w.base)
	if err != nil {
		u.waiting = append(u.waiting, w)
		return nil //nolint:nilerr // the base may come later; settle tells if it does not.
	}
	size, err := u.targetSize(w)
	if err != nil {
		return err
	}
	if err := u.spend(size); err != nil {
		return err
	}
	from, err := content(obj)
	if err != nil {
		return err
	}
	to, err := packfile.PatchDelta(from, w.delta)
	if err != nil {
		return fmt.Errorf("pack object at %d: %w", w.offset, err)
	}
	return u.put(w.offset, obj.Type(), to)
}

// targetSize reads the size of a delta's result: the second number in its
// header.
func (u *unpacker) targetSize(w waitingDelta) (int64, error) {
	_, n := binary.Uvarint(w.delta)
	if n <= 0 {
		return 0, fmt.Errorf("pack object at %d: malformed delta", w.offset)
	}
	size, n := binary.Uvarint(w.delta[n:])
	if n <= 0 {
		return 0, fmt.Errorf("pack object at %d: malformed delta", w.offset)
	}
	if size > uint64(u.left) {
		return 0, errTooLarge
	}
	return int64(size), nil
}

// maxChain is git's own bound on a chain of deltas.
const maxChain = 4095

// settle resolves the deltas that waited for their bases, in as many rounds as
// their chains are long.
func (u *unpacker) settle(thin bool) error {
	for range maxChain {
		round := u.waiting
		u.waiting = nil
		for _, w := range round {
			if err := u.delta(w); err != nil {
				return err
			}
		}
		if len(u.waiting) == len(round) {
			break
		}
	}
	if len(u.waiting) > 0 && !thin {
		return fmt.Errorf("pack object at %d: its base is missing", u.waiting[0].offset)
	}
	return nil
}

// content copies an object's bytes.
func content(obj plumbing.EncodedObject) ([]byte, error) {
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	data := make([]byte, obj.Size())
	_, err = io.ReadFull(r, data)
	return data, err
}
