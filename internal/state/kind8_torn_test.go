package state_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// TestKind8OnlyWhatACrashLeavesOfTheLastEntryIsCutOff changes the last entry while
// there is no index. What a crash can leave of a write never counted, and is cut
// off; an entry that was whole once is damage, although nothing follows it.
func TestKind8OnlyWhatACrashLeavesOfTheLastEntryIsCutOff(t *testing.T) {
	t.Parallel()
	const sector = 512
	for name, tt := range map[string]struct {
		// change returns the file with another last entry, which begins at an offset.
		change func(file []byte, at int) []byte
		torn   bool
	}{
		"a beginning":                    {func(f []byte, at int) []byte { return f[:at+(len(f)-at)/2] }, true},
		"one byte":                       {func(f []byte, at int) []byte { return f[:at+1] }, true},
		"all but the end of the line":    {func(f []byte, _ int) []byte { return f[:len(f)-1] }, true},
		"a beginning, in reserved space": {func(f []byte, at int) []byte { return append(f[:at+200], make([]byte, 9000)...) }, true},
		"a sector did not reach the disk": {func(f []byte, at int) []byte {
			from := (at/sector + 1) * sector
			clear(f[from : from+sector])
			return f
		}, true},
		"the first sector did not reach the disk": {func(f []byte, at int) []byte {
			clear(f[at : (at/sector+1)*sector])
			return f
		}, true},
		"a bit of its JSON":                      {func(f []byte, at int) []byte { f[at+300] ^= 1; return f }, false},
		"a bit of its checksum":                  {func(f []byte, at int) []byte { f[at] ^= 1; return f }, false},
		"a bit of the checksum before":           {func(f []byte, at int) []byte { f[at+100] ^= 2; return f }, false},
		"a bit of the end of the line":           {func(f []byte, _ int) []byte { f[len(f)-1] ^= 8; return f }, false},
		"the same, in reserved space":            {func(f []byte, _ int) []byte { f[len(f)-1] ^= 8; return append(f, make([]byte, 9000)...) }, false},
		"a space becomes a zero":                 {func(f []byte, at int) []byte { f[at+64] = 0; return f }, false},
		"a bit, in reserved space":               {func(f []byte, at int) []byte { f[at+300] ^= 1; return append(f, make([]byte, 9000)...) }, false},
		"some zeros that are no sector":          {func(f []byte, at int) []byte { clear(f[at+200 : at+260]); return f }, false},
		"a beginning, and a line end":            {func(f []byte, at int) []byte { return append(f[:at+400], '\n') }, false},
		"a byte is lost":                         {func(f []byte, at int) []byte { return slices.Delete(f, at+300, at+301) }, false},
		"a bit makes two lines of it":            {func(f []byte, at int) []byte { f[at+bytes.IndexByte(f[at:], 'J')] = '\n'; return f }, false},
		"the end of the line, and no other bits": {func(f []byte, _ int) []byte { f[len(f)-1] = 0; return f }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			s := open(t, path)
			must(t, s.PutRecord(t.Context(), record("i0", "before")))
			must(t, s.PutRecord(t.Context(), record("i0", "last-J"+string(bytes.Repeat([]byte("x"), 2*sector)))))
			must(t, s.Close())
			must(t, os.Remove(path))
			file := segments(t, path)[0]
			data, err := os.ReadFile(file)
			must(t, err)
			at := bytes.LastIndexByte(data[:len(data)-1], '\n') + 1
			must(t, os.WriteFile(file, tt.change(data, at), 0o600))

			found, err := state.ReadJournal(path, func(binding.JournalEntry) error { return nil })
			must(t, err)
			if damaged := found.Damage != nil; damaged == tt.torn || found.Incomplete != tt.torn {
				t.Fatalf("incomplete %v, damage %v", found.Incomplete, found.Damage)
			}
			for range 2 {
				s = open(t, path)
				if !tt.torn {
					refuses(t, s, *found.Damage)
				} else if s.Damage() != nil {
					t.Error(s.Damage())
				}
				records, err := s.Records(t.Context(), "i0")
				if err != nil || len(records) != 1 || records[0].Binding != "before" {
					t.Errorf("records %v, %v", records, err)
				}
				must(t, s.Close())
			}
		})
	}
}
