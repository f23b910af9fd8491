package git

import (
	"bytes"
	"compress/zlib"
	"context"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// packOf is a pack of objects that are written as they are.
type packOf struct {
	bytes.Buffer
	count   uint32
	offsets []int
}

const packHeader = 12

// add adds an object whose header may say anything of its content.
func (p *packOf) add(kind plumbing.ObjectType, length int, base []byte, content []byte) {
	p.offsets = append(p.offsets, packHeader+p.Len())
	p.count++
	b := byte(kind)<<4 | byte(length&0x0f)
	for length >>= 4; length > 0; length >>= 7 {
		p.WriteByte(b | 0x80)
		b = byte(length & 0x7f)
	}
	p.WriteByte(b)
	p.Write(base)
	w := zlib.NewWriter(p)
	_, _ = w.Write(content)
	_ = w.Close()
}

// delta adds a delta on the object before it: copies of all of it.
func (p *packOf) delta(size uint64, copies int, claim uint64) {
	d := binary.AppendUvarint(nil, size)
	d = binary.AppendUvarint(d, claim)
	for range copies {
		d = append(d, 0xf0, byte(size), byte(size>>8), byte(size>>16))
	}
	back := packHeader + p.Len() - p.offsets[len(p.offsets)-1]
	offset := []byte{byte(back & 0x7f)}
	for back >>= 7; back > 0; back >>= 7 {
		back--
		offset = append([]byte{0x80 | byte(back&0x7f)}, offset...)
	}
	p.add(plumbing.OFSDeltaObject, len(d), offset, d)
}

func (p *packOf) whole() []byte {
	data := append([]byte("PACK\x00\x00\x00\x02"), binary.BigEndian.AppendUint32(nil, p.count)...)
	data = append(data, p.Bytes()...)
	sum := sha1.Sum(data)
	return append(data, sum[:]...)
}

// TestDeltaBombs: a pack of a few kilobytes whose objects are, or say that they
// are, larger than anything costs no more than its limit.
func TestDeltaBombs(t *testing.T) {
	t.Parallel()
	kilobyte := bytes.Repeat([]byte("x"), 1024)
	for name, tt := range map[string]struct {
		build func(p *packOf)
		large bool
	}{
		"doubling": {func(p *packOf) {
			p.add(plumbing.BlobObject, 1024, nil, kilobyte)
			for size := uint64(1024); size < 16<<20; size *= 2 {
				p.delta(size, 2, 2*size)
			}
		}, true},
		"one delta of many copies": {func(p *packOf) {
			p.add(plumbing.BlobObject, 1024, nil, kilobyte)
			p.delta(1024, 100_000, 100_000*1024)
		}, true},
		"a claim": {func(p *packOf) {
			p.add(plumbing.BlobObject, 1024, nil, kilobyte)
			p.delta(1024, 1, 1<<62)
		}, true},
		"a claim of an object":      {func(p *packOf) { p.add(plumbing.BlobObject, 1<<40, nil, kilobyte) }, true},
		"more than the header says": {func(p *packOf) { p.add(plumbing.BlobObject, 10, nil, make([]byte, 100<<20)) }, false},
		"less than the header says": {func(p *packOf) { p.add(plumbing.BlobObject, 2048, nil, kilobyte) }, false},
		"many deltas on a large base": {func(p *packOf) {
			p.add(plumbing.BlobObject, 1<<20, nil, make([]byte, 1<<20))
			for range 100 {
				p.delta(1<<20, 1, 1<<20)
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var p packOf
			tt.build(&p)
			_, err := unpack(t, p.whole(), 16<<20)
			if err == nil || tt.large != errors.Is(err, errTooLarge) && tt.large {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestALongChainOfDeltasEnds: what git itself would refuse is not made, and
// takes no other object with it.
func TestALongChainOfDeltasEnds(t *testing.T) {
	if testing.Short() || RaceDetector {
		t.Skip("takes seconds, and measures time: make e2e runs it")
	}
	t.Parallel()
	var p packOf
	p.add(plumbing.BlobObject, 10, nil, []byte("0123456789"))
	for range 20_000 {
		p.delta(10, 1, 10)
	}
	s, err := unpack(t, p.whole(), 16<<20)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	count, _ := contents(s)
	if count == 0 || time.Since(began) > time.Minute {
		t.Errorf("%d objects after %v", count, time.Since(began))
	}
}

// TestUnpackKeepsItsDeadline: in the middle of an object too.
func TestUnpackKeepsItsDeadline(t *testing.T) {
	t.Parallel()
	var p packOf
	p.add(plumbing.BlobObject, 64<<20, nil, make([]byte, 64<<20))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readPack(ctx, bytes.NewReader(p.whole()), nil, bounds{1 << 30, 1 << 20}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
