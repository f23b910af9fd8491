package state

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"time"

	"reconciler/internal/message"
)

// checkpointGroup is how many bytes of values an entry of a checkpoint has.
// Only a single longer value may exceed it.
const checkpointGroup = 64 << 10

// rotate begins the next segment and drops the oldest. If that fails, entries
// continue in the current one, and it is tried again after more entries.
func (j *journal) rotate() {
	now, err := j.table()
	if err != nil {
		return
	}
	next, err := j.begin(j.segment+1, j.oldest(j.segment+1), now.dump)
	switch {
	case errors.Is(err, errUnsynced):
		j.next = &next
		return
	case err != nil:
		j.rotateAt = j.end - j.start + max(j.limits.segment/8, 1)
		return
	}
	j.use(next)
	_ = j.drop() // What remains is dropped with the next segment.
}

// oldest is the oldest segment to keep when another begins. A journal that
// replaced a damaged one does not begin at 1.
func (j *journal) oldest(number uint64) uint64 {
	if number < j.limits.keep {
		return j.first
	}
	return max(j.first, number-j.limits.keep+1)
}

// drop removes the segments that are older than those to keep.
func (j *journal) drop() error {
	all, err := segmentsIn(j.folder)
	if err != nil {
		return message.NewError("state.journal", "err", err)
	}
	for _, number := range all {
		if number < j.oldest(j.segment) {
			if err := j.disk.remove(filepath.Join(j.folder, segmentName(number))); err != nil {
				return message.NewError("state.drop-segment", "err", err)
			}
		}
	}
	return nil
}

// begun is a new segment with its checkpoint.
type begun struct {
	file        *os.File
	number      uint64
	last        link
	end, longer int64
}

// use continues in a new segment.
func (j *journal) use(b begun) {
	if j.file != nil {
		_ = j.disk.truncate(j.file, j.end) // Its reserved space. If this fails, the remaining zeros do not count.
		_ = j.file.Close()
	}
	j.next, j.file, j.segment, j.last, j.start, j.end, j.rotateAt = nil, b.file, b.number, b.last, b.end, b.end, j.limits.segment
	j.reserved, j.needsTruncate = b.longer, false
}

// begin creates a segment with a checkpoint of what dump passes. It appears in
// the journal's folder once all of it is on disk.
func (j *journal) begin(number, oldest uint64, dump func(func(operation) error) error) (begun, error) {
	path := filepath.Join(j.folder, segmentName(number))
	b := begun{number: number, last: j.last}
	var err error
	if b.file, err = j.disk.create(path + ".new"); err != nil {
		return begun{}, message.NewError("state.begin-segment", "err", err)
	}
	err = j.checkpoint(&b, header{Format: journalFormat, Journal: j.last.Journal, Number: number, Oldest: oldest}, dump)
	if err == nil {
		err = j.disk.sync(b.file)
	}
	if before := j.reserved; err == nil && before > 0 {
		j.reserved = 0
		err = j.reserveIn(b.file, b.end)
		b.longer, j.reserved = j.reserved, before
	}
	if err == nil {
		err = j.disk.rename(path+".new", path)
	}
	if errors.Is(err, errUnsynced) {
		return b, message.NewError("state.begin-segment", "err", err)
	}
	if err != nil {
		_ = j.disk.remove(path + ".new")
		return begun{}, errors.Join(message.NewError("state.begin-segment", "err", err), b.file.Close())
	}
	return b, nil
}

// checkpoint writes a segment's header and the content of the table.
func (j *journal) checkpoint(b *begun, head header, dump func(func(operation) error) error) error {
	out := bufio.NewWriterSize(&diskWriter{j.disk, b.file, 0}, checkpointGroup)
	put := func(e entry) error {
		e.Number, e.Time = b.last.Number+1, time.Now().UTC()
		line, now, err := appendLine(nil, b.last, e)
		if err != nil {
			return err
		}
		b.last, b.end = now, b.end+int64(len(line))
		_, err = out.Write(line)
		return err
	}
	if err := put(entry{Segment: &head}); err != nil {
		return err
	}
	var group []operation
	size := 0
	flush := func(part checkpointPart) error {
		e := entry{Checkpoint: part, Operations: group}
		group, size = nil, 0
		return put(e)
	}
	err := dump(func(o operation) error {
		group, size = append(group, o), size+len(o.value())
		j.longest = max(j.longest, len(o.value()))
		if size < checkpointGroup {
			return nil
		}
		return flush(checkpointMiddle)
	})
	if err == nil {
		err = flush(checkpointEnd)
	}
	return errors.Join(err, out.Flush())
}

// diskWriter writes a file from its start to its end.
type diskWriter struct {
	disk disk
	file *os.File
	at   int64
}

func (w *diskWriter) Write(data []byte) (int, error) {
	if err := w.disk.write(w.file, data, w.at); err != nil {
		return 0, err
	}
	w.at += int64(len(data))
	return len(data), nil
}
