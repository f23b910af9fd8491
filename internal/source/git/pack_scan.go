package git

import (
	"context"
	"encoding/binary"
	"hash"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
	githash "github.com/go-git/go-git/v5/plumbing/hash"
)

// contentReader receives content that is not kept, to compute its ID or to read the
// header of a delta. One is used for all objects of a pack.
type contentReader struct {
	ctx    context.Context
	hasher hash.Hash
	delta  bool
	head   []byte
	left   int64
}

func newContentReader(ctx context.Context) *contentReader {
	return &contentReader{ctx: ctx, hasher: githash.New(githash.CryptoType)}
}

// begin prepares for the content of an object.
func (w *contentReader) begin(e entry) {
	w.left, w.delta, w.head = int64(e.size), e.delta(), w.head[:0]
	if !w.delta {
		w.hasher.Reset()
		w.head = append(append(append(w.head, e.kind.Bytes()...), ' '), strconv.FormatUint(uint64(e.size), 10)...)
		_, _ = w.hasher.Write(append(w.head, 0))
	}
}

// sum is the ID of the object that was read.
func (w *contentReader) sum() (id plumbing.Hash) {
	w.hasher.Sum(id[:0])
	return id
}

func (w *contentReader) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	const sizes = 2 * binary.MaxVarintLen64
	if w.left -= int64(len(p)); w.left < 0 {
		return 0, errTooLarge
	}
	if !w.delta {
		return w.hasher.Write(p)
	}
	w.head = append(w.head, p[:min(len(p), max(0, sizes-len(w.head)))]...)
	return len(p), nil
}

// ids finds the entries of a pack by their IDs. It is a hash table with open
// addressing, at most half full: a slot is an entry's index plus one, or 0. IDs are
// hashes already, so their first bytes select the slot.
type ids []int32

func idsOf(entries []entry) ids {
	size := 1
	for size < 2*len(entries) {
		size *= 2
	}
	t := make(ids, size)
	for i, e := range entries {
		if !e.id.IsZero() {
			t.add(entries, int32(i))
		}
	}
	return t
}

// add adds an entry. If several have the same ID, and so the same content, the last
// one is kept.
func (t ids) add(entries []entry, i int32) { t[t.slot(entries, entries[i].id)] = i + 1 }

func (t ids) find(entries []entry, h plumbing.Hash) (int32, bool) {
	i := t[t.slot(entries, h)]
	return i - 1, i > 0
}

// slot is where an ID is, or would be.
func (t ids) slot(entries []entry, h plumbing.Hash) uint32 {
	mask := uint32(len(t) - 1) //nolint:gosec // As above.
	at := binary.BigEndian.Uint32(h[:]) & mask
	for t[at] > 0 && entries[t[at]-1].id != h {
		at = (at + 1) & mask
	}
	return at
}
