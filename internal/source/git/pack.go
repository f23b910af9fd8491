package git

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"reconciler/internal/message"
	"reconciler/internal/source"
)

// errTooLarge says that a repository is over Options.MaxRepositoryBytes, or that
// its deltas make more work than that allows.
var errTooLarge = message.NewError("git.too-large")

const (
	// maxTree is the most bytes of a commit or tree.
	maxTree = 64 << 20
	// maxChain is git's own bound on a chain of deltas.
	maxChain = 4095
	// maxKept is how many bytes of contents are kept to apply deltas to.
	maxKept = 16 << 20
	// workFactor is how many times the bytes of a pack may be made again while
	// deltas are resolved.
	workFactor = 8
	// maxObjects is how many objects a pack may have: with an average of a kilobyte,
	// as many are larger than the default of Options.MaxRepositoryBytes.
	maxObjects = 500_000
	// maxTotal bounds a pack in which places and sizes have 32 bits.
	maxTotal = 3 << 30
)

// bounds hold what a pack may cost.
type bounds struct {
	// total is the most bytes of all objects together, blob of one blob that
	// is read.
	total, blob int64
}

// pack is a received pack: its bytes as they came, and where each object is. A
// content is inflated only when it is asked for, and one above the limit never.
type pack struct {
	spool  spool
	bounds bounds
	// left is how many bytes of objects may still come, work how many may still
	// be inflated to resolve deltas.
	left, work int64
	// entries ascend by offset.
	entries []entry
	ids     ids
	// base gives the objects that deltas of a thin pack refer to.
	base objects
	kept struct {
		contents map[int32][]byte
		size     int64
	}
	// settled names the deltas whose ids are known: trees and commits, blobs.
	settledTrees, settledBlobs bool
	// skipped says that an object was not made because of a limit.
	skipped bool
}

// entry is one object of a pack. There may be half a million that nobody reads, so
// it is small.
type entry struct {
	offset, size uint32
	// base is how far before it the base of an OFS delta lies, in bytes. The id of
	// a REF delta's base is read from the pack.
	base uint32
	id   plumbing.Hash
	// kind is a delta's before its base is known, root the kind at the end of its
	// chain of bases, once that is known.
	kind, root plumbing.ObjectType
}

func (e entry) delta() bool { return e.kind.IsDelta() }

// readPack reads one pack to its end and holds none of its objects. Whoever
// needs an object of a thin pack whose base is not in base finds it missing: the
// other side takes us to hold all of an earlier commit, while we keep only what
// is of use.
func readPack(ctx context.Context, r io.Reader, base objects, b bounds) (*pack, error) {
	b.total = min(b.total, maxTotal)
	p := &pack{bounds: b, left: b.total, work: workFactor * b.total, base: base}
	p.kept.contents = map[int32][]byte{}
	if err := p.scan(ctx, r); err != nil {
		p.spool.close()
		return nil, err
	}
	return p, nil
}

func (p *pack) scan(ctx context.Context, r io.Reader) error {
	scanner := packfile.NewScanner(io.TeeReader(r, &p.spool))
	_, count, err := scanner.Header()
	if err != nil {
		return message.NewError("git.pack.header", "why", err)
	}
	if count > maxObjects {
		return errTooLarge
	}
	p.entries = make([]entry, 0, count)
	content := newPassing(ctx)
	for range count {
		if err := p.next(scanner, content); err != nil {
			return err
		}
	}
	p.ids = idsOf(p.entries)
	if _, err := scanner.Checksum(); err != nil {
		return message.NewError("git.pack.checksum", "why", err)
	}
	return nil
}

// next notes where one object is. Its content passes by.
func (p *pack) next(scanner *packfile.Scanner, content *passing) error {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return message.NewError("git.pack.object", "why", err)
	}
	if err := p.spend(header.Length); err != nil {
		return err
	}
	e := entry{offset: uint32(header.Offset), size: uint32(header.Length), kind: header.Type} //nolint:gosec // At most maxTotal.
	if header.Type == plumbing.OFSDeltaObject {
		e.base = uint32(header.Offset - header.OffsetReference) //nolint:gosec // The scanner checks that it lies before.
	}
	content.begin(e)
	if _, _, err := scanner.NextObject(content); err != nil {
		return message.NewError("git.pack.at", "offset", header.Offset, "why", err)
	}
	if content.left != 0 {
		return message.NewError("git.pack.size", "offset", header.Offset)
	}
	if e.delta() {
		size, err := targetSize(content.head)
		if err == nil {
			err = p.spend(size)
		}
		if err != nil {
			return message.NewError("git.pack.at", "offset", header.Offset, "why", err)
		}
		e.size = uint32(size) //nolint:gosec // As above.
	} else {
		e.id = content.sum()
	}
	p.entries = append(p.entries, e)
	return nil
}

func (p *pack) spend(n int64) error {
	if n < 0 || n > p.left {
		return errTooLarge
	}
	p.left -= n
	return nil
}

// find gives the entry with an id.
func (p *pack) find(h plumbing.Hash, typ plumbing.ObjectType) (int32, bool) {
	i, ok := p.ids.find(p.entries, h)
	if !ok && !p.settledTrees {
		p.settledTrees = true
		p.settle(func(t plumbing.ObjectType) bool { return t != plumbing.BlobObject })
		i, ok = p.ids.find(p.entries, h)
	}
	if !ok && !p.settledBlobs && (typ == plumbing.BlobObject || typ == plumbing.AnyObject) {
		p.settledBlobs = true
		p.settle(func(t plumbing.ObjectType) bool { return t == plumbing.BlobObject })
		i, ok = p.ids.find(p.entries, h)
	}
	return i, ok
}

// settle computes the ids of deltas of some types, in as many rounds as there
// are bases that come after their deltas. What cannot be made has none.
func (p *pack) settle(of func(plumbing.ObjectType) bool) {
	for range maxChain {
		found := false
		// To go through the entries is work too.
		p.work -= 16 * int64(len(p.entries))
		for i, e := range p.entries {
			if p.work < 0 {
				p.skipped = true
				return
			}
			if !e.delta() || !e.id.IsZero() {
				continue
			}
			typ, ok := p.kindOf(int32(i))
			if !ok || !of(typ) {
				continue
			}
			content, err := p.content(int32(i))
			if err != nil {
				p.skipped = p.skipped || errors.Is(err, source.ErrTooLarge) || errors.Is(err, errTooLarge)
				continue
			}
			p.entries[i].id, found = plumbing.ComputeHash(typ, content), true
			p.ids.add(p.entries, int32(i))
		}
		if !found {
			return
		}
	}
}

// baseOf is the entry that a delta is applied to; false for one of p.base, whose
// id is given then.
func (p *pack) baseOf(e entry) (i int32, outside plumbing.Hash, ok bool) {
	if e.kind == plumbing.REFDeltaObject {
		_, ref, err := p.header(e)
		if err != nil {
			return 0, plumbing.ZeroHash, false
		}
		i, ok := p.ids.find(p.entries, ref)
		return i, ref, ok
	}
	at, ok := slices.BinarySearchFunc(p.entries, e.offset-e.base, func(e entry, at uint32) int { return cmp.Compare(e.offset, at) })
	return int32(at), plumbing.ZeroHash, ok //nolint:gosec // At most maxObjects.
}

// kindOf is the type of an object: its base's.
func (p *pack) kindOf(i int32) (plumbing.ObjectType, bool) {
	first := &p.entries[i]
	for range maxChain {
		e := p.entries[i]
		if !e.delta() {
			e.root = e.kind
		}
		if e.root != plumbing.InvalidObject {
			first.root = e.root
			return e.root, true
		}
		base, ref, ok := p.baseOf(e)
		if !ok {
			obj, err := p.outside(ref)
			if err != nil {
				break
			}
			first.root = obj.Type()
			return first.root, true
		}
		i = base
	}
	return plumbing.InvalidObject, false
}

// outside is the base of a delta of a thin pack.
func (p *pack) outside(ref plumbing.Hash) (plumbing.EncodedObject, error) {
	if p.base == nil || ref.IsZero() {
		return nil, plumbing.ErrObjectNotFound
	}
	return p.base.EncodedObject(plumbing.AnyObject, ref)
}

// most is the largest content of a type that is made.
func (p *pack) most(typ plumbing.ObjectType) int64 {
	if typ == plumbing.BlobObject {
		return p.bounds.blob
	}
	return maxTree
}
