package state

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"reconciler/internal/message"

	"reconciler/internal/binding"
)

const segmentSuffix = ".journal"

// segmentName is the file of a segment, in the journal's folder.
func segmentName(number uint64) string { return fmt.Sprintf("%012d%s", number, segmentSuffix) }

// segmentsIn are the numbers of the segments in a folder, sorted. A folder that
// is not there has none.
func segmentsIn(folder string) ([]uint64, error) {
	files, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var numbers []uint64
	for _, f := range files {
		text, is := strings.CutSuffix(f.Name(), segmentSuffix)
		number, err := strconv.ParseUint(text, 10, 64)
		if is && err == nil && segmentName(number) == f.Name() {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// scanned is what reading a journal found.
type scanned struct {
	// first and last are the places of the first entry and of the last whole one.
	first, last link
	// segments are the files that there are; segment is the last one's number,
	// start is where its checkpoint ends, and end where its next entry is written.
	segments   []uint64
	segment    uint64
	start, end int64
	// torn says that part of an entry follows the end, which never counted.
	torn bool
	// damage is the first damage; nil if there is none.
	damage *binding.JournalDamage
}

// place is an entry where it stands.
type place struct {
	entry   entry
	at      link
	segment uint64
	// salvaged says that the entry comes after damage: its own checksum is right,
	// and nothing else is known.
	salvaged bool
}

// scanner reads the segments of a journal, one line at a time.
type scanner struct {
	scanned
	visit func(place) error

	// open is whether the checkpoint of the present segment has not ended, and
	// oldest is the oldest segment by its header.
	open   bool
	oldest uint64
	// bad is a line that cannot be read, as long as nothing follows it.
	bad *binding.JournalDamage
}

// scan reads a journal from its oldest entry on, and calls visit for each that
// can be read. After damage it continues with what has a right checksum. The error
// is one of reading, or of visit; damage is none.
func scan(folder string, visit func(place) error) (scanned, error) {
	s := scanner{visit: visit}
	var err error
	if s.segments, err = segmentsIn(folder); err != nil {
		return scanned{}, err
	}
	for n, number := range s.segments {
		if n > 0 && number != s.segment+1 {
			s.damaged(damageAt(binding.JournalSegmentMissing, s.segment+1, 0, s.last.Number+1))
		}
		err := s.file(filepath.Join(folder, segmentName(number)), number)
		if errors.Is(err, fs.ErrNotExist) && s.last.Number == 0 {
			s.segment = number // It was the oldest, and dropped meanwhile by a running daemon.
			continue
		}
		if err != nil {
			return scanned{}, err
		}
	}
	s.torn = s.bad != nil
	s.unended()
	if len(s.segments) > 0 && s.oldest < s.segments[0] && s.oldest > 0 {
		s.damage = damageAt(binding.JournalSegmentMissing, s.oldest, 0, 0)
	}
	return s.scanned, nil
}

// unended makes a segment damage that ends before its checkpoint does.
func (s *scanner) unended() {
	if s.open {
		s.damaged(damageAt(binding.JournalUnreadable, s.segment, s.end, s.last.Number+1))
	}
}

func (s *scanner) damaged(d *binding.JournalDamage) {
	if s.damage == nil {
		s.damage = d
	}
	s.bad = nil
}

// file reads one segment.
func (s *scanner) file(path string, number uint64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if s.bad != nil {
		s.damaged(s.bad) // A segment follows it: it was whole once.
	}
	s.unended()
	s.segment, s.end, s.open = number, 0, true
	reader, at := bufio.NewReaderSize(f, 64<<10), int64(0)
	for {
		line, size, err := readLine(reader)
		if err != nil && !errors.Is(err, io.EOF) {
			return message.NewError("state.read-file", "file", path, "err", err)
		}
		if size == 0 {
			return nil
		}
		if err := s.line(line, at); err != nil {
			return err
		}
		at += size
	}
}

// readLine reads up to the end of a line, and of a longer one than an entry can
// be gives nothing but the size.
func readLine(r *bufio.Reader) (line []byte, size int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		size += int64(len(part))
		if size <= maxLine {
			line = append(line, part...)
		} else {
			line = nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, size, err
		}
	}
}

// line reads what is at an offset of the present segment.
func (s *scanner) line(line []byte, at int64) error {
	if len(line) > 0 && len(bytes.Trim(line, "\x00")) == 0 {
		return nil // Space that was reserved.
	}
	e, now, before, err := parseLine(line, s.last.Journal)
	switch {
	case errors.Is(err, errFormat):
		return err
	case err != nil && s.bad == nil && s.damage == nil:
		s.bad = damageAt(binding.JournalUnreadable, s.segment, at, s.last.Number+1)
		if !isTorn(line, at, s.last.Journal) {
			s.damaged(s.bad)
		}
		return nil
	case err != nil:
		return nil //nolint:nilerr // Damage is no error.
	}
	if s.bad != nil {
		s.damaged(s.bad)
	}
	if !s.follows(e, now, before, at) {
		s.damaged(damageAt(binding.JournalUnchained, s.segment, at, s.last.Number+1))
		if s.last.Journal != "" && now.Journal != s.last.Journal || now.Number <= s.last.Number {
			return nil
		}
	}
	if e.Segment != nil {
		s.oldest = e.Segment.Oldest
	}
	if s.first.Number == 0 {
		s.first = now
	}
	s.last, s.end = now, at+int64(len(line))
	if e.Checkpoint == checkpointEnd {
		s.open, s.start = false, s.end
	}
	return s.visit(place{e, now, s.segment, s.damage != nil})
}

// follows reports whether an entry follows the last one. A header begins a
// segment, and nothing else does.
func (s *scanner) follows(e entry, now link, before string, at int64) bool {
	if (e.Segment != nil) != (at == 0) || e.Segment != nil && e.Segment.Number != s.segment {
		return false
	}
	if s.last.Number == 0 {
		// What the oldest segment is chained to is gone.
		return e.Segment != nil && (s.segment > 1 || before == firstHash && now.Number == 1)
	}
	return now.Journal == s.last.Journal && before == s.last.Hash && now.Number == s.last.Number+1
}
