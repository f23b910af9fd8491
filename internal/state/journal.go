package state

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"reconciler/internal/message"
)

// limits are the limits of a journal.
type limits struct {
	// segment is how many bytes of entries a segment has before the next one
	// begins, and keep how many segments are kept.
	segment int64
	keep    uint64
	// group is how many bytes of operations one entry has at most. Only a single
	// longer write may exceed it.
	group int
}

// journal writes entries that never change, each chained to the previous one. An
// entry counts once it is on disk. It is safe for concurrent use.
type journal struct {
	disk   disk
	folder string
	limits limits
	// table returns the sum of all entries. written is called after an entry is
	// on disk, to update it.
	table   func() (*table, error)
	written func([]operation, link)

	mu      sync.Mutex
	pending []*write

	// writing is locked while the files are written. It guards the following
	// fields.
	writing sync.Mutex
	file    *os.File
	// first is the oldest segment that existed when the journal was opened or
	// created.
	first, segment uint64
	last           link
	// end is where the next entry is written, and start where the checkpoint
	// ended.
	start, end int64
	// reserved is the offset up to which space is reserved in the file.
	reserved int64
	// needsTruncate is true after a failed write: the file must be truncated at end.
	needsTruncate bool
	// next is a new segment whose name in the folder is not durable yet.
	next *begun
	// longest is the longest value that was written.
	longest int
	// rotateAt is the size at which the next segment begins.
	rotateAt int64
}

// write is one call of the store that waits for the disk.
type write struct {
	operations []operation
	size       int
	done       bool
	err        error
}

// append writes operations as one entry, together with those that others append
// at the same time, and returns when it is on disk. After an error, the entry
// does not count.
func (j *journal) append(operations []operation) error {
	w := &write{operations: operations}
	for _, o := range operations {
		w.size += len(o.Key) + len(o.value()) + len(o.If)
	}
	j.mu.Lock()
	j.pending = append(j.pending, w)
	j.mu.Unlock()
	j.writing.Lock()
	defer j.writing.Unlock()
	for !w.done {
		j.commit(j.group())
	}
	return w.err
}

// group takes as many waiting writes as fit into one entry.
func (j *journal) group() (group []*write) {
	j.mu.Lock()
	defer j.mu.Unlock()
	size := 0
	for len(j.pending) > 0 && (len(group) == 0 || size+j.pending[0].size <= j.limits.group) {
		size += j.pending[0].size
		group, j.pending = append(group, j.pending[0]), j.pending[1:]
	}
	return group
}

// commit writes a group as one entry.
func (j *journal) commit(group []*write) {
	var operations []operation
	for _, w := range group {
		operations = append(operations, w.operations...)
	}
	err := j.put(entry{Operations: operations})
	if err == nil {
		j.written(operations, j.last)
		if j.end-j.start >= j.rotateAt {
			j.rotate()
		}
	}
	for _, w := range group {
		w.done, w.err = true, err
	}
}

// put writes an entry at the end of the open segment, and waits for the disk.
func (j *journal) put(e entry) error {
	if err := j.repair(); err != nil {
		return err
	}
	if err := j.inPlace(); err != nil {
		return err
	}
	e.Number, e.Time = j.last.Number+1, time.Now().UTC()
	line, now, err := appendLine(nil, j.last, e)
	if err != nil {
		return message.NewError("state.journal", "err", err)
	}
	j.needsTruncate = true
	err = j.disk.write(j.file, line, j.end)
	if err == nil {
		err = j.disk.sync(j.file)
	}
	if err != nil {
		return errors.Join(message.NewError("state.write-entry", "err", err), j.repair())
	}
	j.needsTruncate, j.last, j.end = false, now, j.end+int64(len(line))
	for _, o := range e.Operations {
		j.longest = max(j.longest, len(o.value()))
	}
	return nil
}

// repair repairs what failed before: it cuts off a partly written entry, and
// makes the name of a new segment durable.
func (j *journal) repair() error {
	if j.next != nil {
		if err := j.disk.syncFolder(j.folder); err != nil {
			return message.NewError("state.keep-segment", "err", err)
		}
		j.use(*j.next)
	}
	if !j.needsTruncate {
		return nil
	}
	err := j.disk.truncate(j.file, j.end)
	if err == nil {
		err = j.disk.sync(j.file)
	}
	if err != nil {
		return message.NewError("state.cut-off", "err", err)
	}
	j.needsTruncate, j.reserved = false, 0
	return nil
}

// inPlace returns nil if the open segment's file still has its name. What is
// written to a removed or replaced file is lost.
func (j *journal) inPlace() error {
	path := filepath.Join(j.folder, segmentName(j.segment))
	open, err := j.file.Stat()
	if err != nil {
		return message.NewError("state.journal", "err", err)
	}
	if named, err := os.Lstat(path); err != nil || !os.SameFile(open, named) {
		return errors.Join(message.NewError("state.replaced", "file", path), err)
	}
	return nil
}

// checkInPlace is inPlace, but returns nil while a write is running, because the write
// finds out too.
func (j *journal) checkInPlace() error {
	if !j.writing.TryLock() {
		return nil
	}
	defer j.writing.Unlock()
	return j.inPlace()
}

// settle returns nil once no failed entry can count later.
func (j *journal) settle() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	return j.repair()
}

const (
	// entriesOfWrite is how many times, at most, the longest value is written from
	// the intent of a rebind to its outcome, in addition to a few short values.
	entriesOfWrite = 12
	headroomOnTop  = 64 << 10
	// writesAtOnce is for how many concurrent writes space is reserved.
	writesAtOnce = 4
)

// reserve ensures that there is space for the entries of writesAtOnce writes.
func (j *journal) reserve() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if err := j.repair(); err != nil {
		return err
	}
	return j.reserveIn(j.file, j.end)
}

// reserveIn reserves space in a file: twice as much as needed, so that most
// calls find enough.
func (j *journal) reserveIn(file *os.File, end int64) error {
	want := int64(writesAtOnce * (entriesOfWrite*j.longest + headroomOnTop))
	if j.reserved >= end+want {
		return nil
	}
	err := j.disk.reserve(file, end, 2*want)
	if err == nil {
		err = j.disk.sync(file)
	}
	if err != nil {
		return message.NewError("state.reserve", "size", 2*want, "err", err)
	}
	j.reserved = end + 2*want
	return nil
}

// close releases the reserved space.
func (j *journal) close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.needsTruncate = j.needsTruncate || j.reserved > 0
	return errors.Join(j.repair(), j.file.Close())
}

// openJournal opens a journal for writing after its last complete entry.
func openJournal(j *journal, found scanned) error {
	j.first, j.segment, j.last, j.start, j.end = found.segments[0], found.segment, found.last, found.start, found.end
	var err error
	if j.file, err = os.OpenFile(filepath.Join(j.folder, segmentName(j.segment)), os.O_RDWR, 0o600); err != nil {
		return message.NewError("state.journal", "err", err)
	}
	j.needsTruncate, j.rotateAt = true, j.limits.segment
	if err := j.repair(); err != nil {
		return errors.Join(err, j.file.Close())
	}
	return j.drop()
}
