package git

import (
	"bufio"
	"compress/zlib"
	"encoding/binary"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"reconciler/internal/message"
	"reconciler/internal/source"
)

var errDelta = message.NewError("git.pack.delta")

// targetSize reads the size of a delta's result, the second number in its
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

// content returns the content of an object. If the object or its base is above
// the limit, the error is source.ErrTooLarge.
func (p *pack) content(i int32) ([]byte, error) {
	typ, ok := p.kindOf(i)
	if !ok {
		return nil, plumbing.ErrObjectNotFound
	}
	var chain []int32
	var content []byte
	for {
		e := p.entries[i]
		if int64(e.size) > p.maxSize(typ) {
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
		base, ref, ok := p.baseOf(e)
		if !ok {
			obj, err := p.outside(ref)
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
		made, err := p.make(i, content, p.maxSize(typ))
		if err != nil {
			return nil, message.NewError("git.pack.at", "offset", p.entries[i].offset, "why", err)
		}
		p.keep(i, made)
		content = made
	}
	return content, nil
}

// keep keeps content for the deltas that are likely to come next.
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
	if p.work -= int64(e.size); p.work < 0 {
		return nil, errTooLarge
	}
	r := p.from(e, 4<<10)
	length, _, err := readHeader(r, e.kind)
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

// from reads the pack from the beginning of an object.
func (p *pack) from(e entry, buffer int) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(&p.spool, int64(e.offset), p.spool.size-int64(e.offset)), buffer)
}

// header reads the header of an object again, which counts as work.
func (p *pack) header(e entry) (length int64, ref plumbing.Hash, err error) {
	p.work -= 256
	return readHeader(p.from(e, 32), e.kind)
}

// readHeader reads an object's header: the length of its content, and the ID of a
// REF delta's base.
func readHeader(r *bufio.Reader, kind plumbing.ObjectType) (length int64, ref plumbing.Hash, err error) {
	b, err := r.ReadByte()
	length, shift := int64(b&0x0f), 4
	for err == nil && b&0x80 != 0 && shift < 60 {
		b, err = r.ReadByte()
		length |= int64(b&0x7f) << shift
		shift += 7
	}
	switch {
	case err != nil:
	case kind == plumbing.REFDeltaObject:
		_, err = io.ReadFull(r, ref[:])
	case kind == plumbing.OFSDeltaObject:
		for b = 0x80; err == nil && b&0x80 != 0; {
			b, err = r.ReadByte()
		}
	}
	return length, ref, err
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
