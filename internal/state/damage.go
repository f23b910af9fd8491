package state

import (
	"errors"
	"fmt"
)

// Problem says what is wrong with a journal.
type Problem string

// The problems of a journal.
const (
	// Unreadable is an entry whose checksum is wrong, or that is cut short.
	Unreadable Problem = "unreadable"
	// Unchained is an entry that does not follow the one before: one is missing,
	// or it stood elsewhere, or in another journal.
	Unchained Problem = "unchained"
	// SegmentMissing is a segment that is not there.
	SegmentMissing Problem = "segment-missing"
	// EntriesMissing are entries that the index has, and the journal's end lacks.
	EntriesMissing Problem = "entries-missing"
	// Foreign is a journal that the index was not made from.
	Foreign Problem = "foreign"
)

// Damage is the first place where a journal cannot be trusted.
type Damage struct {
	Problem Problem `json:"problem"`
	// Segment is the file, Offset the byte in it, and Entry the number of the
	// first entry that is missing or cannot be trusted.
	Segment string `json:"segment"`
	Offset  int64  `json:"offset"`
	Entry   uint64 `json:"entry"`
}

// ErrDamaged is returned by whatever writes to a store whose journal is damaged.
var ErrDamaged = errors.New("the journal is damaged, so nothing is changed until a person accepts it: see `reconciler audit verify`, then run `reconciler audit accept`")

func (d Damage) String() string {
	place := fmt.Sprintf("%s, byte %d, entry %d", d.Segment, d.Offset, d.Entry)
	switch d.Problem {
	case Unreadable:
		return place + ": the entry cannot be read or its checksum is wrong"
	case Unchained:
		return place + ": the entry does not follow the one before"
	case SegmentMissing:
		return place + ": the segment is missing"
	case EntriesMissing:
		return place + ": this entry and those after it are missing"
	case Foreign:
		return place + ": the index was made from another journal"
	}
	return place
}
