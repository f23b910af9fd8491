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

// segmentName is the name of a segment's file in the journal's folder.
func segmentName(number uint64) string { return fmt.Sprintf("%012d%s", number, segmentSuffix) }

// segmentsIn returns the numbers of the segments in a folder, sorted. A missing
// folder has none.
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

// scanned is the result of reading a journal.
type scanned struct {
	// first and last are the links of the first entry and of the last complete
	// one.
	first, last link
	// segments are the existing files. segment is the number of the last one,
	// start where its checkpoint ends, and end where its next entry is written.
	segments   []uint64
	segment    uint64
	start, end int64
	// torn is true if a partial entry, which never counted, follows the end.
	torn bool
	// damage is the first damage; nil if there is none.
	damage *binding.JournalDamage
}

// place is an entry with its position.
type place struct {
	entry   entry
	at      link
	segment uint64
	// salvaged is true for an entry after damage: only its own checksum is known
	// to be right.
	salvaged bool
}

// scanner reads the segments of a journal, one line at a time.
type scanner struct {
	scanned
	visit func(place) error

	// open is true until the checkpoint of the current segment has ended.
	// oldest is the oldest segment according to its header.
	open   bool
	oldest uint64
	// bad is an invalid line, as long as nothing follows it.
	bad *binding.JournalDamage
}

// scan reads a journal from its oldest entry on, and calls visit for each readable
// one. After damage it continues with entries that have a right checksum. An error
// is one of reading or of visit. Damage is not an error.
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
			s.segment = number // It was the oldest, and a running daemon has dropped it meanwhile.
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

// unended reports damage if a segment ends before its checkpoint does.
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
		s.damaged(s.bad) // Another segment follows, so the line was complete once.
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

// readLine reads up to the end of a line. For a line that is longer than any
// entry, it returns only the size.
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

// line handles the line at an offset of the current segment.
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
		return nil //nolint:nilerr // Damage is not an error.
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
		// The entry that the oldest segment is chained to was dropped.
		return e.Segment != nil && (s.segment > 1 || before == firstHash && now.Number == 1)
	}
	return now.Journal == s.last.Journal && before == s.last.Hash && now.Number == s.last.Number+1
}
