package binding

import (
	"encoding/json"
	"time"

	"reconciler/internal/message"
)

// JournalProblem says what is wrong with a journal.
type JournalProblem string

// The problems of a journal. Each has a message in the catalogue, under
// journal-damage.
const (
	// JournalUnreadable is an entry whose checksum is wrong, or that is cut short.
	JournalUnreadable JournalProblem = "unreadable"
	// JournalUnchained is an entry that does not follow the previous one: an entry
	// is missing, or this one belongs to a different place or a different journal.
	JournalUnchained JournalProblem = "unchained"
	// JournalSegmentMissing is a segment that is not there.
	JournalSegmentMissing JournalProblem = "segment-missing"
	// JournalEntriesMissing are entries at the end that the index has and the
	// journal lacks.
	JournalEntriesMissing JournalProblem = "entries-missing"
	// JournalForeign is a journal that the index was not built from.
	JournalForeign JournalProblem = "foreign"
	// JournalEarlierFile is a state file of a version without a journal, next to a
	// journal with different content.
	JournalEarlierFile JournalProblem = "earlier-state-file"
)

// JournalDamage is the first place where a journal cannot be trusted.
type JournalDamage struct {
	Problem JournalProblem `json:"problem"`
	// Segment is the file, Offset the byte in it, and Entry the number of the
	// first entry that is missing or cannot be trusted.
	Segment string `json:"segment"`
	Offset  int64  `json:"offset"`
	Entry   uint64 `json:"entry"`
}

// Message is the damage in words.
func (d JournalDamage) Message() message.Message {
	return message.New("journal-damage."+string(d.Problem), "segment", d.Segment, "offset", int(d.Offset), "entry", int(d.Entry)) //nolint:gosec // Both count what fits on a disk.
}

// JournalEntry is an entry of the journal for its readers: changes that took effect
// together.
type JournalEntry struct {
	Number  uint64    `json:"entry"`
	Time    time.Time `json:"time"`
	Segment string    `json:"segment"`
	Hash    string    `json:"hash"`
	// Checkpoint is true if the changes repeat what was known when the segment
	// began.
	Checkpoint bool `json:"checkpoint,omitempty"`
	// AfterDamage is true if only the entry's own checksum is known to be right.
	AfterDamage bool            `json:"afterDamage,omitempty"`
	Changes     []JournalChange `json:"changes"`
}

// JournalChange is one change of an entry. It holds no secret.
type JournalChange struct {
	// Do is put, remove or append.
	Do string `json:"do"`
	// What is the kind of what changed, such as record or history.
	What     string          `json:"what"`
	Instance string          `json:"instance,omitempty"`
	Key      []string        `json:"key,omitempty"`
	Value    json.RawMessage `json:"value,omitempty"`
}

// Of returns the instance and the binding that a change is about; empty if it is
// about none.
func (c JournalChange) Of() (instance, name string) {
	var v struct {
		Instance string `json:"instance"`
		Binding  string `json:"binding"`
	}
	if len(c.Value) > 0 && c.Value[0] == '{' && json.Unmarshal(c.Value, &v) == nil {
		return v.Instance, v.Binding
	}
	if len(c.Key) > 0 && c.Instance != "" {
		name = c.Key[0]
	}
	return c.Instance, name
}

// JournalState is what reading a journal found.
type JournalState struct {
	Folder   string `json:"folder"`
	Segments int    `json:"segments"`
	// First and Last are the numbers of the first and the last entry, and Hash is
	// the last one's.
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Hash  string `json:"hash,omitempty"`
	// Incomplete is true if part of an entry follows: it is being written, or a
	// crash left it. It does not count.
	Incomplete bool           `json:"incomplete,omitempty"`
	Damage     *JournalDamage `json:"damage,omitempty"`
}
