package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"reconciler/internal/message"
)

const (
	// journalFormat is the version of the journal's layout in doc.go.
	journalFormat = 1
	hashLength    = 2 * sha256.Size
	// maxLine bounds an entry, in bytes.
	maxLine = 16 << 20
)

// firstHash is what the first entry of a journal is chained to.
var firstHash = hex.EncodeToString(make([]byte, sha256.Size))

var (
	errLine   = message.NewError("state.half-entry")
	errFormat = message.NewError("state.later-version")
)

// appendLine appends an entry as the journal's files hold it, and returns its
// place in the chain after last.
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

// sector is the least that a disk writes, in bytes.
const sector = 512

// isTorn reports whether a line at an offset of a file, which is no entry, can be
// what a crash left of one: its beginning, or all of it but sectors that did not
// reach the disk. Everything else was whole once, and is damage.
func isTorn(line []byte, at int64, journal string) bool {
	text, ended := bytes.CutSuffix(line, []byte{'\n'})
	if ended {
		return lacksSector(text, at)
	}
	text = bytes.TrimRight(text, "\x00") // Space that was reserved.
	if len(text) == 0 {
		return true
	}
	_, _, _, err := parseLine(append(bytes.Clone(text[:len(text)-1]), '\n'), journal)
	return err != nil // Otherwise only the end of the line is wrong.
}

// lacksSector reports whether a sector of a file that holds part of text is zeros
// there.
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

// parseLine reads an entry of a journal, whose checksum has to be right. The
// first entry of a segment names the journal; the others belong to the one that
// is given. It returns the hash of the entry before, too.
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
