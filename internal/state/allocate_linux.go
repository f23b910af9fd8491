package state

import (
	"errors"
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE: it reserves space without changing the
// file's length.
const keepSize = 1

// allocate reserves space for size bytes of a file, starting at at.
func allocate(f *os.File, at, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), keepSize, at, size)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
