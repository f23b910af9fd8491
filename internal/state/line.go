package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"reconciler/internal/message"
)

const (
	// journalFormat is the version of the journal's layout (see doc.go).
	journalFormat = 1
	hashLength    = 2 * sha256.Size
	// maxLine limits an entry, in bytes.
	maxLine = 16 << 20
)

// firstHash is the hash that the first entry of a journal is chained to.
var firstHash = hex.EncodeToString(make([]byte, sha256.Size))

var (
	errLine   = message.NewError("state.half-entry")
	errFormat = message.NewError("state.later-version")
)

// appendLine appends an entry in the format of the journal's files, and returns
// its link in the chain after last.
func appendLine(to []byte, last link, e entry) ([]byte, link, error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, link{}, err
	}
	if len(payload) > maxLine-2*hashLength-3 {
		return nil, link{}, message.NewError("state.long-entry", "is", len(payload), "most", maxLine)
	}
	now := link{last.Journal, e.Number, hashOf(last.Journal, last.Hash, payload)}
	to = append(append(append(to, now.Hash...), ' '), last.Hash...)
	return append(append(append(to, ' '), payload...), '\n'), now, nil
}

// hashOf chains an entry to the hash of the previous one.
func hashOf(journal, before string, payload []byte) string {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(journal), {'\n'}, []byte(before), {'\n'}, payload} {
		_, _ = h.Write(part) // A hash never fails.
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sector is the smallest unit that a disk writes, in bytes.
const sector = 512

// isTorn reports whether a line that is not a valid entry can be what a crash
// left of one: its beginning, or all of it except for sectors that did not reach
// the disk. at is the line's offset in the file. Anything else was complete once,
// and is damage.
func isTorn(line []byte, at int64, journal string) bool {
	text, ended := bytes.CutSuffix(line, []byte{'\n'})
	if ended {
		return lacksSector(text, at)
	}
	text = bytes.TrimRight(text, "\x00") // Reserved space.
	if len(text) == 0 {
		return true
	}
	_, _, _, err := parseLine(append(bytes.Clone(text[:len(text)-1]), '\n'), journal)
	return err != nil // Otherwise only the end of the line is wrong.
}

// lacksSector reports whether a sector of the file with a part of text is all
// zeros.
func lacksSector(text []byte, at int64) bool {
	for len(text) > 0 {
		n := min(sector-int(at%sector), len(text))
		if len(bytes.Trim(text[:n], "\x00")) == 0 {
			return true
		}
		text, at = text[n:], at+int64(n)
	}
	return false
}

// parseLine parses an entry of a journal and checks its checksum. The first
// entry of a segment names the journal; the others belong to the given one. It
// also returns the hash of the previous entry.
func parseLine(line []byte, journal string) (e entry, at link, before string, err error) {
	line, whole := bytes.CutSuffix(line, []byte{'\n'})
	if !whole || len(line) < 2*hashLength+2 || line[hashLength] != ' ' || line[2*hashLength+1] != ' ' {
		return entry{}, link{}, "", errLine
	}
	hash, before, payload := string(line[:hashLength]), string(line[hashLength+1:2*hashLength+1]), line[2*hashLength+2:]
	if err := json.Unmarshal(payload, &e); err != nil {
		return entry{}, link{}, "", errLine
	}
	if e.Segment != nil {
		journal = e.Segment.Journal
	}
	switch {
	case hash != hashOf(journal, before, payload):
		return entry{}, link{}, "", errLine
	case e.Segment != nil && e.Segment.Format > journalFormat:
		return entry{}, link{}, "", errFormat
	}
	return e, link{journal, e.Number, hash}, before, nil
}
