package state

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"go.etcd.io/bbolt"
)

// NewMemory makes an empty store in memory, with a key of its own. It ends with
// the process.
func NewMemory() *Store {
	table, key := newMemoryTable(), make([]byte, keySize)
	_, _ = rand.Read(key) // It never fails: the runtime ends the program instead.
	table.entries[memoryKey{bucketMeta, ""}] = map[string][]byte{keyKey: key}
	return &Store{table: table}
}

// Load reads the state file at path into a store in memory, as it stood between
// two writes, and leaves the file alone. A missing or damaged file gives an
// empty store; for a damaged one Notice says why. The error is ErrLocked when
// another process has the file open for writing.
func Load(path string) (*Store, error) {
	store, err := load(path)
	switch {
	case err == nil:
		return store, nil
	case errors.Is(err, fs.ErrNotExist):
		return NewMemory(), nil
	case errors.Is(err, errUnusable):
		store = NewMemory()
		store.notice = fmt.Sprintf("the state file %s cannot be used (%v)", path, err)
		return store, nil
	}
	return nil, fmt.Errorf("state: read %s: %w", path, err)
}

// load reads under bbolt's shared lock. Damage shows as a panic or a memory
// fault, as in openUsable.
func load(path string) (store *Store, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			store, err = nil, fmt.Errorf("%w: damaged: %v", errUnusable, v)
		}
	}()
	db, err := openReadOnly(path)
	if err != nil {
		return nil, err
	}
	table := newMemoryTable()
	err = db.View(func(tx *bbolt.Tx) error {
		if err := inspect(tx); err != nil {
			return err
		}
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return table.read(string(name), "", b) })
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return &Store{table: table}, nil
}

// openReadOnly opens a file that exists and is not empty.
func openReadOnly(path string) (*bbolt.DB, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() == 0 {
		return nil, fmt.Errorf("%s is empty: %w", path, fs.ErrNotExist)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return nil, openError(err)
	}
	return db, nil
}

// read copies a bucket of a file, and the buckets of instances below it.
func (t *memoryTable) read(bucket, instance string, b *bbolt.Bucket) error {
	return b.ForEach(func(key, value []byte) error {
		switch {
		case value == nil:
			return t.read(bucket, string(key), b.Bucket(key))
		case bucket == bucketEvents:
			return t.append(bucket, MaxEvents, value)
		}
		return t.put(bucket, instance, string(key), value)
	})
}
