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

// errTooLarge means that a repository exceeds Options.MaxRepositoryBytes, or
// that its deltas need more work than that allows.
var errTooLarge = message.NewError("git.too-large")

const (
	// maxTree is the maximum size of a commit or tree.
	maxTree = 64 << 20
	// maxChain is git's own limit on a chain of deltas.
	maxChain = 4095
	// maxKept is how many bytes of contents are kept as bases of deltas.
	maxKept = 16 << 20
	// workFactor is how many times the bytes of a pack may be inflated again
	// while deltas are resolved.
	workFactor = 8
	// maxObjects is how many objects a pack may have. At an average of a kilobyte
	// they would exceed the default of Options.MaxRepositoryBytes.
	maxObjects = 500_000
	// maxTotal limits the size of a pack, because offsets and sizes have 32 bits
	// here.
	maxTotal = 3 << 30
)

// bounds limit the cost of a pack.
type bounds struct {
	// total is the maximum size of all objects together, and blob of one blob
	// that is read.
	total, blob int64
}

// pack is a received pack: its bytes, and where each object is. Content is
// inflated only when it is needed, and never above the limit.
type pack struct {
	spool  spool
	bounds bounds
	// left is how many bytes of objects may still be received, and work how
	// many may still be inflated to resolve deltas.
	left, work int64
	// entries are sorted by offset.
	entries []entry
	ids     ids
	// base has the objects that deltas of a thin pack refer to.
	base objects
	kept struct {
		contents map[int32][]byte
		size     int64
	}
	// settledTrees and settledBlobs are true if the IDs of these deltas are known:
	// of trees and commits, and of blobs.
	settledTrees, settledBlobs bool
	// skipped is true if an object was skipped because of a limit.
	skipped bool
}

// entry is one object of a pack. It is small, because there may be half a million
// that nobody reads.
type entry struct {
	offset, size uint32
	// base is how many bytes before the entry the base of an OFS delta is. The ID
	// of a REF delta's base is read from the pack.
	base uint32
	id   plumbing.Hash
	// kind is the entry's own type, which may be a delta. root is the type at the
	// end of its chain of bases, once known.
	kind, root plumbing.ObjectType
}

func (e entry) delta() bool { return e.kind.IsDelta() }

// readPack reads a whole pack without keeping its objects in memory. In a thin
// pack, an object whose base is not in base is missing when it is needed: the
// server assumes that we have all of an earlier commit, but we keep only what we
// use.
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
	content := newContentReader(ctx)
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

// next records where one object is, and skips its content.
func (p *pack) next(scanner *packfile.Scanner, content *contentReader) error {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return message.NewError("git.pack.object", "why", err)
	}
	if err := p.use(header.Length); err != nil {
		return err
	}
	e := entry{offset: uint32(header.Offset), size: uint32(header.Length), kind: header.Type} //nolint:gosec // At most maxTotal.
	if header.Type == plumbing.OFSDeltaObject {
		e.base = uint32(header.Offset - header.OffsetReference) //nolint:gosec // The scanner checks that the base comes first.
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
			err = p.use(size)
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

func (p *pack) use(n int64) error {
	if n < 0 || n > p.left {
		return errTooLarge
	}
	p.left -= n
	return nil
}

// find returns the entry with an ID.
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

// settle computes the IDs of deltas of some types. It needs several rounds if
// bases come after their deltas. A delta that cannot be resolved has no ID.
func (p *pack) settle(of func(plumbing.ObjectType) bool) {
	for range maxChain {
		found := false
		// Iterating over the entries is work too.
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

// baseOf returns the entry that a delta is applied to. If it is an object of
// p.base, ok is false and outside is its ID.
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

// kindOf is the type of an object. For a delta it is that of its base.
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

// outside returns the base of a delta in a thin pack.
func (p *pack) outside(ref plumbing.Hash) (plumbing.EncodedObject, error) {
	if p.base == nil || ref.IsZero() {
		return nil, plumbing.ErrObjectNotFound
	}
	return p.base.EncodedObject(plumbing.AnyObject, ref)
}

// maxSize is the maximum size of content of a type.
func (p *pack) maxSize(typ plumbing.ObjectType) int64 {
	if typ == plumbing.BlobObject {
		return p.bounds.blob
	}
	return maxTree
}
