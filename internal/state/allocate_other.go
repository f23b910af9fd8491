//go:build !linux

package state

import (
	"errors"
	"os"
)

// allocate is not supported here. The caller writes zeros instead.
func allocate(*os.File, int64, int64) error { return errors.ErrUnsupported }
