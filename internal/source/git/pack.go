package git

import (
	"bufio"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"reconciler/internal/source"
)

// errTooLarge says that a repository is over Options.MaxRepositoryBytes, or that
// its deltas make more work than that allows.
var errTooLarge = errors.New("the repository is larger than the limit")

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
	ids     map[plumbing.Hash]int32
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

// entry is one object of a pack.
type entry struct {
	offset, size int64
	// kind is a delta's before its base is known.
	kind plumbing.ObjectType
	// baseOffset or ref is the base of a delta.
	baseOffset int64
	ref        plumbing.Hash
	id         plumbing.Hash
	// root is the kind at the end of its chain of bases, once it is known.
	root plumbing.ObjectType
}

func (e entry) delta() bool { return e.kind.IsDelta() }

// readPack reads one pack to its end and holds none of its objects. Whoever
// needs an object of a thin pack whose base is not in base finds it missing: the
// other side takes us to hold all of an earlier commit, while we keep only what
// is of use.
func readPack(ctx context.Context, r io.Reader, base objects, b bounds) (*pack, error) {
	p := &pack{bounds: b, left: b.total, work: workFactor * b.total, ids: map[plumbing.Hash]int32{}, base: base}
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
		return fmt.Errorf("pack header: %w", err)
	}
	for range count {
		if err := p.next(ctx, scanner); err != nil {
			return err
		}
	}
	if _, err := scanner.Checksum(); err != nil {
		return fmt.Errorf("pack checksum: %w", err)
	}
	return nil
}

// next notes where one object is. Its content passes by.
func (p *pack) next(ctx context.Context, scanner *packfile.Scanner) error {
	header, err := scanner.NextObjectHeader()
	if err != nil {
		return fmt.Errorf("pack object: %w", err)
	}
	if err := p.spend(header.Length); err != nil {
		return err
	}
	e := entry{offset: header.Offset, size: header.Length, kind: header.Type, baseOffset: header.OffsetReference, ref: header.Reference}
	passing := &passing{ctx: ctx, left: header.Length}
	if !e.delta() {
		passing.hasher = plumbing.NewHasher(e.kind, header.Length)
		passing.hashing = true
	}
	if _, _, err := scanner.NextObject(passing); err != nil {
		return fmt.Errorf("pack object at %d: %w", header.Offset, err)
	}
	if passing.left != 0 {
		return fmt.Errorf("pack object at %d: its size is not the one in its header", header.Offset)
	}
	if e.delta() {
		if e.size, err = targetSize(passing.head); err != nil {
			return fmt.Errorf("pack object at %d: %w", header.Offset, err)
		}
		if err := p.spend(e.size); err != nil {
			return err
		}
	} else {
		e.id = passing.hasher.Sum()
		p.ids[e.id] = int32(len(p.entries)) //nolint:gosec // At most maxObjects.
	}
	p.entries = append(p.entries, e)
	return nil
}

func (p *pack) spend(n int64) error {
	if n < 0 || n > p.left || len(p.entries) > maxObjects {
		return errTooLarge
	}
	p.left -= n
	return nil
}

// maxObjects is how many objects a pack may have.
const maxObjects = 4_000_000

// passing is what becomes of a content that passes by.
type passing struct {
	ctx     context.Context
	hasher  plumbing.Hasher
	hashing bool
	head    []byte
	left    int64
}

// Write implements io.Writer.
func (w *passing) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	const sizes = 2 * binary.MaxVarintLen64
	if w.left -= int64(len(p)); w.left < 0 {
		return 0, errTooLarge
	}
	if w.hashing {
		return w.hasher.Write(p)
	}
	w.head = append(w.head, p[:min(len(p), max(0, sizes-len(w.head)))]...)
	return len(p), nil
}

var errDelta = errors.New("malformed delta")

// targetSize reads the size of a delta's result: the second number in its
// header.
func targetSize(delta []byte) (int64, error) {
	_, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, errDelta
	}
	size, n := binary.Uvarint(delta[n:])
	if n <= 0 {
		return 0, errDelta
	}
	if size > 1<<62 {
		return 0, errTooLarge
	}
	return int64(size), nil
}

// find gives the entry with an id.
func (p *pack) find(h plumbing.Hash, typ plumbing.ObjectType) (int32, bool) {
	i, ok := p.ids[h]
	if !ok && !p.settledTrees {
		p.settledTrees = true
		p.settle(func(t plumbing.ObjectType) bool { return t != plumbing.BlobObject })
		i, ok = p.ids[h]
	}
	if !ok && !p.settledBlobs && (typ == plumbing.BlobObject || typ == plumbing.AnyObject) {
		p.settledBlobs = true
		p.settle(func(t plumbing.ObjectType) bool { return t == plumbing.BlobObject })
		i, ok = p.ids[h]
	}
	return i, ok
}

// settle computes the ids of deltas of some types, in as many rounds as there
// are bases that come after their deltas. What cannot be made has none.
func (p *pack) settle(of func(plumbing.ObjectType) bool) {
	for range maxChain {
		found := false
		// To go through the entries is work too.
		if p.work -= 16 * int64(len(p.entries)); p.work < 0 {
			p.skipped = true
			return
		}
		for i, e := range p.entries {
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
			id := plumbing.ComputeHash(typ, content)
			p.entries[i].id, p.ids[id], found = id, int32(i), true
		}
		if !found {
			return
		}
	}
}

// baseOf is the entry that a delta is applied to; false for one of p.base.
func (p *pack) baseOf(e entry) (int32, bool) {
	if e.baseOffset == 0 {
		i, ok := p.ids[e.ref]
		return i, ok
	}
	i, ok := slices.BinarySearchFunc(p.entries, e.baseOffset, func(e entry, at int64) int { return int(min(max(e.offset-at, -1), 1)) })
	return int32(i), ok //nolint:gosec // As above.
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
		base, ok := p.baseOf(e)
		if !ok {
			obj, err := p.outside(e)
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
func (p *pack) outside(e entry) (plumbing.EncodedObject, error) {
	if p.base == nil || e.ref.IsZero() {
		return nil, plumbing.ErrObjectNotFound
	}
	return p.base.EncodedObject(plumbing.AnyObject, e.ref)
}

// most is the largest content of a type that is made.
func (p *pack) most(typ plumbing.ObjectType) int64 {
	if typ == plumbing.BlobObject {
		return p.bounds.blob
	}
	return maxTree
}

// content makes the content of an object. One above the limit, or with a base
// above it, is source.ErrTooLarge.
func (p *pack) content(i int32) ([]byte, error) {
	typ, ok := p.kindOf(i)
	if !ok {
		return nil, plumbing.ErrObjectNotFound
	}
	var chain []int32
	var content []byte
	for {
		e := p.entries[i]
		if e.size > p.most(typ) {
			return nil, source.ErrTooLarge
		}
		if kept, ok := p.kept.contents[i]; ok {
			content = kept
			break
		}
		chain = append(chain, i)
		if !e.delta() {
			break
		}
		base, ok := p.baseOf(e)
		if !ok {
			obj, err := p.outside(e)
			if err != nil {
				return nil, err
			}
			if content, err = contentOf(obj); err != nil {
				return nil, err
			}
			break
		}
		i = base
	}
	for _, i := range slices.Backward(chain) {
		made, err := p.make(i, content, p.most(typ))
		if err != nil {
			return nil, fmt.Errorf("pack object at %d: %w", p.entries[i].offset, err)
		}
		p.keep(i, made)
		content = made
	}
	return content, nil
}

// keep keeps a content for the deltas that are likely to come next.
func (p *pack) keep(i int32, content []byte) {
	if p.kept.size += int64(len(content)); p.kept.size > maxKept {
		clear(p.kept.contents)
		p.kept.size = int64(len(content))
	}
	p.kept.contents[i] = content
}

// make inflates an object, or applies it to its base if it is a delta.
func (p *pack) make(i int32, base []byte, most int64) ([]byte, error) {
	e := p.entries[i]
	if p.work -= e.size; p.work < 0 {
		return nil, errTooLarge
	}
	r := bufio.NewReaderSize(io.NewSectionReader(&p.spool, e.offset, p.spool.size-e.offset), 4<<10)
	length, err := skipHeader(r, e)
	if err != nil {
		return nil, err
	}
	if length > most {
		return nil, source.ErrTooLarge
	}
	if p.work -= length; p.work < 0 {
		return nil, errTooLarge
	}
	inflated, err := zlib.NewReader(r)
	if err != nil {
		return nil, err
	}
	data := make([]byte, length)
	if _, err := io.ReadFull(inflated, data); err != nil {
		return nil, err
	}
	if !e.delta() {
		return data, nil
	}
	return packfile.PatchDelta(base, data)
}

// skipHeader reads an object's header and gives the length of what follows.
func skipHeader(r io.ByteReader, e entry) (int64, error) {
	b, err := r.ReadByte()
	length, shift := int64(b&0x0f), 4
	for err == nil && b&0x80 != 0 && shift < 60 {
		b, err = r.ReadByte()
		length |= int64(b&0x7f) << shift
		shift += 7
	}
	switch {
	case err != nil:
	case e.kind == plumbing.REFDeltaObject:
		for range len(e.ref) {
			_, err = r.ReadByte()
		}
	case e.kind == plumbing.OFSDeltaObject:
		for b = 0x80; err == nil && b&0x80 != 0; {
			b, err = r.ReadByte()
		}
	}
	return length, err
}

// contentOf copies an object's bytes.
func contentOf(obj plumbing.EncodedObject) ([]byte, error) {
	r, err := obj.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	data := make([]byte, obj.Size())
	_, err = io.ReadFull(r, data)
	return data, err
}
