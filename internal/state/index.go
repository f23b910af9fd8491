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
	// format is the version of the index's layout in doc.go.
	format = "1"
	// lockTimeout is how long Open waits for another process to close the index.
	lockTimeout = 2 * time.Second
	keySize     = 32
	// keyKey is the key of the store's own key, in the bucket meta.
	keyKey = "key"
	// maxBroken bounds the search for a free name to put a broken file under.
	maxBroken = 1000
)

// errUnusable marks a file that is there and is no index of ours.
var errUnusable = message.NewError("state.unusable")

// index is an index that is open, as it was found.
type index struct {
	db *bbolt.DB
	// file is the database's own, which holds the lock.
	file *os.File
	// at is how far it followed the journal. foreign says that a program that knows
	// no journal wrote to it since.
	at      position
	foreign bool
}

// holds reports whether an index holds something: it was not made just now.
func (x index) holds() bool { return x.foreign || x.at.Journal != "" }

// openIndex opens an index and reads all of it. Damage is errUnusable.
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
		x.abandon()
		return index{}, err
	}
	return x, nil
}

// abandon gives up the lock on an index that cannot be read or written. The
// database's own Close would wait forever for a write that ended in a panic.
func (x index) abandon() {
	if x.file != nil {
		unlock(x.file)
		_ = x.file.Close() // Nothing was written through it that counts.
	}
}

// inspect reads how far the index is and all that it holds, and adds what it
// lacks.
func (x *index) inspect(readOnly bool) error {
	lacks := false
	err := x.db.View(func(tx *bbolt.Tx) error {
		if err := x.whole(tx); err != nil {
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

// whole checks that no page of the index is behind the file's end: bbolt would
// read and write it outside of the memory that the file is mapped to.
func (x index) whole(tx *bbolt.Tx) error {
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

// prepare lays out a new file, and adds to an earlier one what it lacks.
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

// inspect checks that a file is ours and whole.
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

// decoderOf says how the entries of a bucket are read; they are any bytes
// where it is nil.
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
			return message.NewError("state.unreadable-entry", "what", errUnusable)
		}
		return nil
	})
}

// fill makes an index hold what a table holds, and nothing else.
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

// mark writes how far the index is, and waits for the disk.
func (x index) mark(p position) error {
	x.db.NoSync = false
	defer func() { x.db.NoSync = true }()
	return x.update(func(tx *bbolt.Tx) error { return putPosition(tx, p) })
}

// guarded calls do. bbolt answers a damaged page with a panic, or with a memory
// fault where the file was cut short: an error here.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			err = message.NewError("state.damaged-file", "what", errUnusable, "err", message.Foreign(fmt.Sprint(v)))
		}
	}()
	return do()
}

// moveAside renames what cannot be used, and never over an earlier one.
func moveAside(path string) (string, error) {
	aside, err := asideOf(path)
	if err != nil {
		return "", err
	}
	return aside, os.Rename(path, aside)
}

// asideOf is a free name for what cannot be used.
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
