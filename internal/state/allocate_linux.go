package state

import (
	"errors"
	"os"
	"syscall"
)

// keepSize is FALLOC_FL_KEEP_SIZE: the space is the file's, its length stays.
const keepSize = 1

// allocate takes space for the next size bytes of a file from at on.
func allocate(f *os.File, at, size int64) error {
	for {
		err := syscall.Fallocate(int(f.Fd()), keepSize, at, size)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
