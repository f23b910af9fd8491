package state

import (
	"crypto/rand"

	"reconciler/internal/message"
)

// restorer applies the entries of a journal as they are read.
type restorer struct {
	table *table
	// begun is the checkpoint that is being read; nil outside of a checkpoint,
	// and in one with a missing part. next is the number of its next part.
	begun *table
	next  uint64
	// watched is the number of an entry to watch for, and seen its hash.
	watched uint64
	seen    string
}

func (r *restorer) visit(p place) error {
	if p.at.Number == r.watched {
		r.seen = p.at.Hash
	}
	e := p.entry
	switch {
	case e.Segment != nil:
		r.begun, r.next = newTable(), e.Number+1
		return nil
	case e.Checkpoint == "":
		r.begun = nil
		r.table.apply(e.Operations...)
		return nil
	case r.begun == nil:
		return nil
	case e.Number != r.next:
		// A part is missing. The sum of the previous segments is the same, if they
		// exist.
		if len(r.table.entries) > 0 {
			r.begun = nil
			return nil
		}
	}
	r.next = e.Number + 1
	r.begun.apply(e.Operations...)
	if e.Checkpoint == checkpointEnd {
		r.table, r.begun = r.begun, nil
	}
	return nil
}

// restore reads a journal and sums up its entries. It calls visit, if not nil,
// for each entry.
func restore(folder string, watched uint64, visit func(place) error) (scanned, *restorer, error) {
	r := &restorer{table: newTable(), watched: watched}
	found, err := scan(folder, func(p place) error {
		if visit != nil {
			if err := visit(p); err != nil {
				return err
			}
		}
		return r.visit(p)
	})
	if err != nil {
		return scanned{}, nil, message.NewError("state.journal", "err", err)
	}
	if r.begun != nil && len(r.table.entries) == 0 {
		r.table = r.begun // The journal is damaged before the end of its first checkpoint.
	}
	return found, r, nil
}

// salvage applies the readable entries after a place in the journal to the
// content of the index at that place.
func salvage(folder string, to *table, after link) error {
	_, err := scan(folder, func(p place) error {
		if p.entry.Segment != nil || p.entry.Checkpoint != "" || p.at.Journal != after.Journal || p.at.Number <= after.Number {
			return nil
		}
		to.apply(p.entry.Operations...)
		return nil
	})
	return err
}

// withKey gives a store without a key a new one.
func withKey(t *table) *table {
	if len(t.get(bucketMeta, "", keyKey)) != keySize {
		t.apply(newOperation(doPut, bucketMeta, "", keyKey, newKey()))
	}
	return t
}

func newKey() []byte {
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // It never fails: the runtime ends the program instead.
	return key
}
