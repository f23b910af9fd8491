package state

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// Probe reads the state file at path as Open would, and changes nothing. The
// error is fs.ErrNotExist where there is none yet, ErrLocked when another
// process has it, and says what is wrong with a file that Open would put
// aside.
func Probe(path string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("state: open %s: %w: damaged: %v", path, errUnusable, v)
		}
	}()
	db, err := openReadOnly(path)
	if err != nil {
		return fmt.Errorf("state: open %s: %w", path, err)
	}
	if err := errors.Join(db.View(inspect), db.Close()); err != nil {
		return fmt.Errorf("state: open %s: %w", path, err)
	}
	return nil
}
