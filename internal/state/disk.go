package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"reconciler/internal/message"
)

// disk changes files for the journal. Every step calls fault, so that tests can
// make each step fail, or cut a write short.
type disk struct {
	// fault returns how many bytes of a step may be written, and the error that
	// ends it. A nil fault allows everything.
	fault func(step string, size int) (int, error)
}

func (d disk) ask(step string, size int) (int, error) {
	if d.fault == nil {
		return size, nil
	}
	return d.fault(step, size)
}

func (d disk) write(f *os.File, data []byte, at int64) error {
	n, fault := d.ask("write", len(data))
	_, err := f.WriteAt(data[:n], at)
	return errors.Join(fault, err)
}

func (d disk) sync(f *os.File) error {
	if _, err := d.ask("sync", 0); err != nil {
		return err
	}
	return f.Sync()
}

func (d disk) truncate(f *os.File, size int64) error {
	if _, err := d.ask("truncate", 0); err != nil {
		return err
	}
	return f.Truncate(size)
}

func (d disk) create(path string) (*os.File, error) {
	if _, err := d.ask("create", 0); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

// rename renames a file or folder, durably.
func (d disk) rename(from, to string) error {
	if _, err := d.ask("rename", 0); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := d.syncFolder(filepath.Dir(to)); err != nil {
		return message.Within(errUnsynced, err)
	}
	return nil
}

// errUnsynced means that a renamed file or folder may have its old name again
// after the machine crashes.
var errUnsynced = message.NewError("state.unsynced")

// remove removes a file, or a folder with its content, if it exists.
func (d disk) remove(path string) error {
	if _, err := d.ask("remove", 0); err != nil {
		return err
	}
	return os.RemoveAll(path)
}

func (d disk) folder(path string) error {
	if _, err := d.ask("folder", 0); err != nil {
		return err
	}
	return os.Mkdir(path, 0o700)
}

// reserve ensures that there is space for the next size bytes of a file. It
// changes nothing in the file, except that it may add zeros at the end.
func (d disk) reserve(f *os.File, at, size int64) error {
	n, fault := d.ask("reserve", int(size))
	if fault != nil && n == 0 {
		return fault
	}
	err := allocate(f, at, size)
	if errors.Is(err, errors.ErrUnsupported) {
		_, err = f.WriteAt(make([]byte, size), at)
	}
	return errors.Join(fault, err)
}

func (d disk) syncFolder(path string) error {
	if _, err := d.ask("sync folder", 0); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, fs.ErrInvalid) || errors.Is(err, errors.ErrUnsupported) {
		err = nil // Some file systems cannot sync a folder.
	}
	return errors.Join(err, f.Close())
}
