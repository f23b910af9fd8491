package state

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"reconciler/internal/message"
)

// NewMemory makes an empty store in memory, with its own key. It ends with the
// process.
func NewMemory() *Store { return &Store{table: withKey(newTable())} }

// Load reads the state at path into a store in memory, as it was between two
// writes, and does not change the files. If there is no state, the store is
// empty. If it is damaged, Notice or Damage says why. The error is ErrLocked if
// another process has the state open for writing.
func Load(path string) (*Store, error) {
	s, err := read(path)
	if err != nil {
		return nil, message.NewError("state.read", "file", path, "err", err)
	}
	return s, nil
}

// read determines the state as Open does, without writing.
func read(path string) (*Store, error) {
	s := files{folder: JournalFolder(path)}
	var notice message.Message
	var err error
	switch s.index, err = openReadOnly(path, lockTimeout); {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, errUnusable):
		s.unusable, notice = true, message.New("state.file-unusable", "file", path, "why", err)
	case err != nil:
		return nil, err
	default:
		defer func() { _ = s.index.db.Close() }()
	}
	damage, restored, err := s.assess(nil)
	switch {
	case err != nil:
		return nil, err
	case damage != nil:
		restored, err = s.salvaged(restored, damage)
	case s.index.foreign:
		restored, err = s.moved()
	}
	if err != nil {
		return nil, err
	}
	return &Store{table: withKey(restored), notice: notice, damage: damage}, nil
}

// openReadOnly opens an index that exists and is not empty.
func openReadOnly(path string, wait time.Duration) (index, error) {
	info, err := os.Stat(path)
	if err != nil {
		return index{}, err
	}
	if info.Size() == 0 {
		return index{}, message.NewError("state.empty", "file", path, "err", fs.ErrNotExist)
	}
	return openIndex(path, bbolt.Options{Timeout: wait, ReadOnly: true})
}

// Probe reads the state at path as Open would, and changes nothing. The error is
// fs.ErrNotExist if there is none yet, and ErrLocked if another process has it
// open. Otherwise it says what is wrong with a file that Open would move aside,
// or with the journal.
func Probe(path string) error {
	s := files{folder: JournalFolder(path)}
	var err error
	if s.index, err = openReadOnly(path, lockTimeout); err != nil {
		return message.NewError("state.open", "file", path, "err", err)
	}
	damage, _, err := s.assess(nil)
	if err == nil && damage != nil {
		err = message.NewError("state.damaged-at", "what", ErrDamaged, "damage", damage.Message())
	}
	if err := errors.Join(err, s.index.db.Close()); err != nil {
		return message.NewError("state.open", "file", path, "err", err)
	}
	return nil
}
