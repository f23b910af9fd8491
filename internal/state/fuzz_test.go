package state

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzJournal reads any bytes as a segment of a journal. Whatever is read has the
// checksum of what it says, is chained, and is read again once it is written
// again.
func FuzzJournal(f *testing.F) {
	folder := f.TempDir()
	last := link{Journal: "0123456789abcdef", Hash: firstHash}
	var whole []byte
	for n, e := range []entry{
		{Segment: &header{Format: journalFormat, Journal: last.Journal, Number: 1, Oldest: 1}},
		{Checkpoint: checkpointEnd, Operations: []operation{newOperation(doPut, bucketMeta, "", keyKey, make([]byte, keySize))}},
		{Operations: []operation{newOperation(doAppend, bucketEvents, "", "", []byte(`{"message":"x"}`))}},
	} {
		e.Number, e.Time = uint64(n+1), time.Unix(int64(n), 0).UTC()
		var err error
		if whole, last, err = appendLine(whole, last, e); err != nil {
			f.Fatal(err)
		}
	}
	for _, seed := range [][]byte{whole, whole[:len(whole)-9], bytes.Repeat(whole, 2), append(bytes.Clone(whole), 0, 0), []byte("\n\n"), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(folder, segmentName(1)), data, 0o600); err != nil {
			t.Fatal(err)
		}
		var again []byte
		chained := link{Hash: firstHash}
		found, err := scan(folder, func(p place) error {
			if p.salvaged {
				return nil
			}
			if p.entry.Segment != nil {
				chained.Journal = p.at.Journal
			}
			line, at, err := appendLine(nil, chained, p.entry)
			if err == nil && at.Number != p.at.Number {
				t.Errorf("entry %d has number %d", p.at.Number, at.Number)
			}
			again, chained = append(again, line...), p.at
			return err
		})
		if err != nil {
			return // Of a later version.
		}
		if found.damage == nil && len(data) > 0 && found.end > int64(len(data)) {
			t.Errorf("the end %d is behind %d bytes", found.end, len(data))
		}
		if bytes.Equal(data, whole) && !bytes.Equal(again, whole) {
			t.Errorf("written again it differs:\n%s\n%s", whole, again)
		}
	})
}
