//go:build unix && !aix && !solaris

package state

import (
	"os"

	"golang.org/x/sys/unix"
)

// unlock releases the lock of a database's file. Closing the file does not, as
// long as it is mapped to memory.
func unlock(file *os.File) { _ = unix.Flock(int(file.Fd()), unix.LOCK_UN) }
