package state

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

// auditLock is how long ReadJournal waits for the index. It does not need the
// index if a daemon has it open.
const auditLock = 100 * time.Millisecond

// ReadJournal reads the journal of the state at path, beginning with the oldest
// entry, and calls visit for each entry. It locks and changes nothing, and
// works while a daemon runs. If no process has the index open, it also compares
// the index with the journal. Damage is not an error.
func ReadJournal(path string, visit func(binding.JournalEntry) error) (binding.JournalState, error) {
	s := &files{folder: JournalFolder(path)}
	x, err := openReadOnly(path, auditLock)
	s.unusable = errors.Is(err, errUnusable)
	if err == nil {
		s.index = x
		defer func() { _ = x.db.Close() }() // It was opened only for reading.
	}
	damage, _, err := s.assess(func(p place) error { return visit(journalEntry(p)) })
	found := s.found
	if err != nil {
		return binding.JournalState{}, message.NewError("state.read-journal", "folder", s.folder, "err", err)
	}
	return binding.JournalState{
		Folder: s.folder, Segments: len(found.segments), First: found.first.Number, Last: found.last.Number, Hash: found.last.Hash,
		Incomplete: found.torn && found.damage == nil, Damage: damage,
	}, nil
}

// journalEntry converts an entry for readers of the journal.
func journalEntry(p place) binding.JournalEntry {
	e := binding.JournalEntry{
		Number: p.at.Number, Time: p.entry.Time, Segment: segmentName(p.segment), Hash: p.at.Hash,
		Checkpoint: p.entry.Segment != nil || p.entry.Checkpoint != "", AfterDamage: p.salvaged, Changes: []binding.JournalChange{},
	}
	for _, o := range p.entry.Operations {
		c := binding.JournalChange{Do: o.Do, What: entryKind(o.Bucket), Instance: o.Instance, Value: o.Value}
		if o.Key != "" {
			c.Key = strings.Split(strings.TrimRight(o.Key, "\x00"), "\x00")
		}
		if o.Bucket == bucketRevisions {
			c.Value, _ = json.Marshal(string(o.Bytes)) // A string can always be encoded.
		}
		e.Changes = append(e.Changes, c)
	}
	return e
}

// entryKind is the kind of entries in a bucket.
func entryKind(bucket string) string {
	switch bucket {
	case bucketRecords:
		return "record"
	case bucketIntents:
		return "intent"
	case bucketEvents:
		return "history"
	case bucketRevisions:
		return "revision"
	case bucketRetryStates:
		return "retry-state"
	case bucketSuspensions:
		return "suspension"
	case bucketTargets:
		return "secret-target"
	}
	return bucket
}
