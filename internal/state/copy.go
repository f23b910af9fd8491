package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// Copy copies the state file at from to a new file at to, as it stood between
// two writes; a missing from leaves to missing. The error is ErrLocked when
// another process is writing it. A damaged file is copied as it is, so that
// opening the copy says what is wrong with it.
func Copy(from, to string) error {
	err := copyConsistent(from, to)
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		return fmt.Errorf("state: copy %s: %w", from, ErrLocked)
	}
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("state: copy %s: %w", from, err)
	}
	return nil
}

// copyConsistent copies under bbolt's shared lock. Damage shows as a panic or a
// memory fault, as in openUsable.
func copyConsistent(from, to string) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: damaged: %v", errUnusable, v)
		}
	}()
	db, err := bbolt.Open(from, 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return err
	}
	err = db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(to, 0o600) })
	return errors.Join(err, db.Close())
}
