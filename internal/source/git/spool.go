package git

import (
	"errors"
	"io"
	"os"
)

// memorySpool is how much of a pack is kept in memory before it goes to a file.
const memorySpool = 1 << 20

// spool keeps the bytes of a pack: a few in memory, more in a file without a
// name that the system removes when the process ends. Without a folder for
// temporary files, they stay in memory.
type spool struct {
	memory []byte
	file   *os.File
	size   int64
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && len(s.memory)+len(p) > memorySpool && s.size == int64(len(s.memory)) {
		s.open()
	}
	s.size += int64(len(p))
	if s.file != nil {
		return s.file.Write(p)
	}
	s.memory = append(s.memory, p...)
	return len(p), nil
}

// open moves what is kept to a file, if possible.
func (s *spool) open() {
	file, err := os.CreateTemp("", "reconciler-pack-*")
	if err != nil {
		return
	}
	// If an open file cannot be removed, close removes it.
	_ = os.Remove(file.Name())
	if _, err := file.Write(s.memory); err != nil {
		_ = file.Close()
		return
	}
	s.file, s.memory = file, nil
}

func (s *spool) ReadAt(p []byte, offset int64) (int, error) {
	if s.file != nil {
		return s.file.ReadAt(p, offset)
	}
	if offset < 0 || offset >= int64(len(s.memory)) {
		return 0, io.EOF
	}
	n := copy(p, s.memory[offset:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *spool) close() {
	s.memory = nil
	if s.file == nil {
		return
	}
	if err := errors.Join(s.file.Close(), os.Remove(s.file.Name())); err == nil {
		s.file = nil
	}
}
