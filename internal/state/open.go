package state

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"reconciler/internal/binding"
)

const (
	// format is the version of the layout in doc.go.
	format = "1"
	// lockTimeout is how long Open waits for another process to let go.
	lockTimeout = 2 * time.Second
	keySize     = 32
	// keyKey is the key of the store's own key, in the bucket meta.
	keyKey = "key"
	// maxBroken bounds the search for a free name to put a broken file under.
	maxBroken = 1000
)

// ErrLocked is returned by Open when another process has the file open.
var ErrLocked = errors.New("another process has it open: stop that one, or use another state file")

// errUnusable marks a file that is there and is no store of ours.
var errUnusable = errors.New("not a usable state file")

// Store is a state file, or the same in memory. It is safe for concurrent use;
// every write to a file is on disk when the method returns. Its methods take a
// context for the sake of other stores: this one answers at once and ignores it.
type Store struct {
	table  table
	notice string
}

// Open opens the state file at path and makes it, readable by its owner only,
// where there is none. A file that is broken, foreign or of another format is
// renamed to path.broken-N and a new one begun; Notice then says so. The error
// is ErrLocked when another process has the file.
func Open(path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("state: make the folder of %s: %w", path, err)
	}
	db, err := openUsable(path)
	if err == nil {
		return &Store{table: fileTable{db}}, nil
	}
	if !errors.Is(err, errUnusable) {
		return nil, fmt.Errorf("state: open %s: %w", path, err)
	}
	aside, moveErr := moveAside(path)
	if moveErr != nil {
		return nil, fmt.Errorf("state: open %s: %w, and it cannot be put aside: %w", path, err, moveErr)
	}
	db, newErr := openUsable(path)
	if newErr != nil {
		return nil, fmt.Errorf("state: open %s anew: %w", path, newErr)
	}
	notice := fmt.Sprintf("the state file %s could not be used (%v); it was renamed to %s and is rebuilt by observing", path, err, aside)
	return &Store{table: fileTable{db}, notice: notice}, nil
}

// Notice says that a file that could not be used was put aside, and why; it is
// empty when the file was good or new.
func (s *Store) Notice() string { return s.notice }

// Close releases the file.
func (s *Store) Close() error {
	if err := s.table.close(); err != nil {
		return fmt.Errorf("state: close: %w", err)
	}
	return nil
}

// openUsable opens a store and reads all of it. bbolt answers a damaged page
// with a panic, or with a memory fault where the file was cut short; both are
// errUnusable here.
func openUsable(path string) (db *bbolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			db, err = nil, fmt.Errorf("%w: damaged: %v", errUnusable, v)
		}
	}()
	db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if err != nil {
		return nil, openError(err)
	}
	if err := prepare(db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func openError(err error) error {
	var path *fs.PathError
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return ErrLocked
	case errors.As(err, &path):
		return err
	default:
		return fmt.Errorf("%w: %w", errUnusable, err)
	}
}

// prepare lays out a new file, and checks that an old one is ours and whole.
func prepare(db *bbolt.DB) error {
	return db.Update(func(tx *bbolt.Tx) error {
		if first, _ := tx.Cursor().First(); first == nil {
			return layOut(tx)
		}
		if err := inspect(tx); err != nil {
			return err
		}
		for _, name := range laterBuckets() {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return fmt.Errorf("make bucket %s: %w", name, err)
			}
		}
		return nil
	})
}

// inspect checks that a store is ours and whole.
func inspect(tx *bbolt.Tx) error {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil || !bytes.Equal(meta.Get([]byte("format")), []byte(format)) {
		return fmt.Errorf("%w: of another program or another version of this one", errUnusable)
	}
	if len(meta.Get([]byte("key"))) != keySize {
		return fmt.Errorf("%w: its key is missing", errUnusable)
	}
	for _, name := range buckets() {
		b := tx.Bucket([]byte(name))
		if b == nil && slices.Contains(laterBuckets(), name) {
			continue
		}
		if b == nil {
			return fmt.Errorf("%w: bucket %s is missing", errUnusable, name)
		}
		if err := readAll(b, decoderOf(name)); err != nil {
			return err
		}
	}
	return nil
}

func layOut(tx *bbolt.Tx) error {
	for _, name := range buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return fmt.Errorf("make bucket %s: %w", name, err)
		}
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	meta := tx.Bucket([]byte(bucketMeta))
	if err := meta.Put([]byte(keyKey), key); err != nil {
		return fmt.Errorf("keep the key: %w", err)
	}
	return meta.Put([]byte("format"), []byte(format))
}

// decoderOf says how the entries of a bucket are read; they are any bytes
// where it is nil.
func decoderOf(bucket string) func([]byte) error {
	switch bucket {
	case bucketRecords:
		return decodes[binding.Record]
	case bucketIntents:
		return decodes[binding.Intent]
	case bucketEvents:
		return decodes[binding.HistoryEntry]
	case bucketRetryStates:
		return decodes[binding.RetryState]
	case bucketSuspensions:
		return decodes[binding.Suspension]
	}
	return nil
}

func decodes[T any](entry []byte) error {
	var value T
	return json.Unmarshal(entry, &value)
}

// readAll reads every entry of a bucket, so that damage shows at once and not
// in the middle of a sync.
func readAll(b *bbolt.Bucket, decode func([]byte) error) error {
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return readAll(b.Bucket(k), decode)
		}
		if decode == nil {
			return nil
		}
		if err := decode(v); err != nil {
			return fmt.Errorf("%w: an entry cannot be read", errUnusable)
		}
		return nil
	})
}

// moveAside renames a file that cannot be used, and never over an earlier one.
func moveAside(path string) (string, error) {
	for n := 1; n <= maxBroken; n++ {
		aside := fmt.Sprintf("%s.broken-%d", path, n)
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		return aside, os.Rename(path, aside)
	}
	return "", fmt.Errorf("there are %d broken ones already: look at them and remove them", maxBroken)
}
