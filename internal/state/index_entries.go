package state

import (
	"bytes"
	"encoding/binary"
	"slices"

	"go.etcd.io/bbolt"

	"reconciler/internal/message"
)

// table reads the content of an index into memory.
func (x index) table() (*table, error) {
	t := newTable()
	err := guarded(func() error {
		return x.db.View(func(tx *bbolt.Tx) error {
			return dumpAll(tx, func(o operation) error {
				t.apply(o)
				return nil
			})
		})
	})
	return t, err
}

// apply applies all operations or none. They are those of the journal up to
// upTo.
func (x index) apply(operations []operation, upTo link) error {
	return x.update(func(tx *bbolt.Tx) error {
		for _, o := range operations {
			if err := applyTo(tx, o); err != nil {
				return err
			}
		}
		return putPosition(tx, position{link: upTo})
	})
}

func (x index) update(do func(tx *bbolt.Tx) error) error {
	return guarded(func() error { return x.db.Update(do) })
}

func applyTo(tx *bbolt.Tx, o operation) error {
	b, err := tx.CreateBucketIfNotExists([]byte(o.Bucket))
	if err == nil && o.Instance != "" {
		b, err = b.CreateBucketIfNotExists([]byte(o.Instance))
	}
	if err != nil {
		return message.NewError("state.bucket", "bucket", o.Bucket, "err", err)
	}
	switch o.Do {
	case doPut:
		return b.Put([]byte(o.Key), o.value())
	case doRemove:
		if len(o.If) > 0 && !bytes.Equal(o.If, b.Get([]byte(o.Key))) {
			return nil
		}
		return b.Delete([]byte(o.Key))
	case doAppend:
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		if n > MaxEvents {
			if err := b.Delete(number(n - MaxEvents)); err != nil {
				return err
			}
		}
		return b.Put(number(n), o.value())
	}
	return nil // The bucket is from a later version.
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// dumpAll calls do with operations that recreate the whole content of a file.
func dumpAll(tx *bbolt.Tx, do func(operation) error) error {
	return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		if !slices.Contains(buckets(), string(name)) {
			return nil
		}
		return dumpBucket(string(name), "", b, do)
	})
}

func dumpBucket(bucket, instance string, b *bbolt.Bucket, do func(operation) error) error {
	return b.ForEach(func(key, value []byte) error {
		switch {
		case value == nil:
			return dumpBucket(bucket, string(key), b.Bucket(key), do)
		case bucket == bucketEvents:
			return do(newOperation(doAppend, bucket, "", "", bytes.Clone(value)))
		case bucket == bucketMeta && string(key) != keyKey:
			return nil
		}
		return do(newOperation(doPut, bucket, instance, string(key), bytes.Clone(value)))
	})
}
