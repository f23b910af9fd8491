package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"reconciler/internal/message"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"reconciler/internal/binding"
)

const (
	// format is the version of the index's layout (see doc.go).
	format = "1"
	// lockTimeout is how long Open waits for another process to close the index.
	lockTimeout = 2 * time.Second
	keySize     = 32
	// keyKey is the key in the bucket meta under which the store's own key is
	// stored.
	keyKey = "key"
	// maxBroken limits the search for a free name for a broken file.
	maxBroken = 1000
)

// errUnusable means that a file exists but is not a valid index of ours.
var errUnusable = message.NewError("state.unusable")

// index is an open index, as it was found.
type index struct {
	db *bbolt.DB
	// file is the database's own file, which holds the lock.
	file *os.File
	// at is how far it follows the journal. foreign is true if a program version
	// without a journal has written to it since.
	at      position
	foreign bool
}

// hasContent reports whether an index has content, that is, was not just created.
func (x index) hasContent() bool { return x.foreign || x.at.Journal != "" }

// openIndex opens an index and reads all of it. If it is damaged, the error is
// errUnusable.
func openIndex(path string, o bbolt.Options) (index, error) {
	var x index
	o.OpenFile = func(name string, flag int, mode os.FileMode) (file *os.File, err error) {
		x.file, err = os.OpenFile(name, flag, mode)
		return x.file, err
	}
	err := guarded(func() (err error) {
		if x.db, err = bbolt.Open(path, 0o600, &o); err != nil {
			return openError(err)
		}
		return x.inspect(o.ReadOnly)
	})
	if err != nil {
		x.releaseLock()
		return index{}, err
	}
	return x, nil
}

// releaseLock releases the lock on an index that cannot be read or written. The
// database's own Close would wait forever for a write that ended in a panic.
func (x index) releaseLock() {
	if x.file != nil {
		unlock(x.file)
		_ = x.file.Close() // Nothing that counts was written through it.
	}
}

// inspect reads the index's position and content, and adds missing buckets.
func (x *index) inspect(readOnly bool) error {
	lacks := false
	err := x.db.View(func(tx *bbolt.Tx) error {
		if err := x.checkPages(tx); err != nil {
			return err
		}
		lacks = slices.ContainsFunc(buckets(), func(name string) bool { return tx.Bucket([]byte(name)) == nil })
		if first, _ := tx.Cursor().First(); first == nil {
			return nil
		}
		if err := inspect(tx); err != nil {
			return err
		}
		x.at, x.foreign = readPosition(tx)
		return nil
	})
	if err == nil && lacks && !readOnly {
		err = x.db.Update(prepare)
	}
	return err
}

// checkPages checks that no page of the index is beyond the end of the file: bbolt
// would access it outside of the mapped memory.
func (x index) checkPages(tx *bbolt.Tx) error {
	info, err := x.file.Stat()
	if err == nil && info.Size() < tx.Size() {
		err = message.NewError("state.cut-short", "what", errUnusable, "is", info.Size(), "want", tx.Size())
	}
	return err
}

func openError(err error) error {
	var path *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bbolterrors.ErrTimeout):
		return ErrLocked
	case errors.As(err, &path):
		return err
	default:
		return message.Within(errUnusable, err)
	}
}

// prepare creates the layout of a new file, and adds what an earlier one lacks.
func prepare(tx *bbolt.Tx) error {
	first, _ := tx.Cursor().First()
	for _, name := range buckets() {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return message.NewError("state.make-bucket", "bucket", name, "err", err)
		}
	}
	if first != nil {
		return nil
	}
	meta := tx.Bucket([]byte(bucketMeta))
	if err := meta.Put([]byte(keyKey), newKey()); err != nil {
		return message.NewError("state.keep-key", "err", err)
	}
	if err := putPosition(tx, position{}); err != nil {
		return err
	}
	return meta.Put([]byte("format"), []byte(format))
}

// inspect checks that a file is a complete index of ours.
func inspect(tx *bbolt.Tx) error {
	meta := tx.Bucket([]byte(bucketMeta))
	if meta == nil || !bytes.Equal(meta.Get([]byte("format")), []byte(format)) {
		return message.NewError("state.other-program", "what", errUnusable)
	}
	if len(meta.Get([]byte(keyKey))) != keySize {
		return message.NewError("state.no-key", "what", errUnusable)
	}
	for _, name := range buckets() {
		b := tx.Bucket([]byte(name))
		if b == nil && slices.Contains(laterBuckets(), name) && meta.Get([]byte(positionKey)) == nil {
			continue
		}
		if b == nil {
			return message.NewError("state.no-bucket", "what", errUnusable, "bucket", name)
		}
		if err := readAll(b, decoderOf(name)); err != nil {
			return err
		}
	}
	return nil
}

// decoderOf returns the decoder for the entries of a bucket; nil if they are
// arbitrary bytes.
func decoderOf(bucket string) func([]byte) error {
	switch bucket {
	case bucketRecords, bucketTargets:
		return decodes[binding.Record]
	case bucketIntents:
		return decodes[binding.Intent]
	case bucketEvents:
		return decodes[binding.HistoryEntry]
	case bucketRetryStates:
		return decodes[binding.RetryState]
	case bucketSuspensions:
		return decodes[binding.Suspension]
	case bucketNotices:
		return decodes[json.RawMessage]
	}
	return nil
}

func decodes[T any](entry []byte) error {
	var value T
	return json.Unmarshal(entry, &value)
}

// readAll reads every entry of a bucket, so that damage is found at once and
// not in the middle of a sync.
func readAll(b *bbolt.Bucket, decode func([]byte) error) error {
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return readAll(b.Bucket(k), decode)
		}
		if decode == nil {
			return nil
		}
		if err := decode(v); err != nil {
			return message.NewError("state.unreadable-entry", "what", errUnusable)
		}
		return nil
	})
}

// fill replaces the content of an index with that of a table.
func (x index) fill(from *table, upTo link) error {
	return x.update(func(tx *bbolt.Tx) error {
		for _, name := range buckets() {
			if name == bucketMeta {
				continue
			}
			if err := tx.DeleteBucket([]byte(name)); err != nil && !errors.Is(err, bbolterrors.ErrBucketNotFound) {
				return message.NewError("state.empty-bucket", "bucket", name, "err", err)
			}
		}
		if err := prepare(tx); err != nil {
			return err
		}
		if err := from.dump(func(o operation) error { return applyTo(tx, o) }); err != nil {
			return err
		}
		return putPosition(tx, position{link: upTo})
	})
}

// writePosition writes the position of the index, and waits for the disk.
func (x index) writePosition(p position) error {
	x.db.NoSync = false
	defer func() { x.db.NoSync = true }()
	return x.update(func(tx *bbolt.Tx) error { return putPosition(tx, p) })
}

// guarded calls do and turns a panic into an error. On a damaged page bbolt
// panics, and if the file was truncated, it causes a memory fault.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = message.NewError("state.damaged-file", "what", errUnusable, "err", message.Foreign(fmt.Sprint(v)))
		}
	}()
	return do()
}

// moveAside renames an unusable file or folder. It never replaces an earlier
// one.
func moveAside(path string) (string, error) {
	aside, err := asideOf(path)
	if err != nil {
		return "", err
	}
	return aside, os.Rename(path, aside)
}

// asideOf returns a free name for an unusable file or folder.
func asideOf(path string) (string, error) {
	for n := 1; n <= maxBroken; n++ {
		aside := fmt.Sprintf("%s.broken-%d", path, n)
		if _, err := os.Lstat(aside); err != nil {
			return aside, nil //nolint:nilerr // Nothing has this name.
		}
	}
	return "", message.NewError("state.too-many-broken", "most", maxBroken)
}

// copyAside keeps a copy of an index under a free name.
func (x index) copyAside() error {
	aside, err := asideOf(x.db.Path())
	if err != nil {
		return err
	}
	return x.db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(aside, 0o600) })
}
