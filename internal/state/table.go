package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// table holds what the operations of a journal add up to: in a file, the
// journal's index, or in memory. Values that it passes on are valid until the
// call returns.
type table interface {
	get(bucket, instance, key string) ([]byte, error)
	// each calls do for every entry of an instance, in the order of their keys.
	each(bucket, instance string, do func(value []byte) error) error
	// all calls do for every entry of every instance, in the order of instances
	// and keys.
	all(bucket string, do func(value []byte) error) error
	// newest calls do for the newest n of a list, for all if n is 0 or less.
	newest(bucket string, n int, do func(value []byte) error) error
	// apply makes all operations or none. They are the journal's up to a place.
	apply(operations []operation, upTo link) error
	// dump calls do with operations that make an empty table equal to this one.
	dump(do func(operation) error) error
}

// fileTable is a bbolt database.
type fileTable struct{ db *bbolt.DB }

func (t fileTable) get(bucket, instance, key string) (value []byte, err error) {
	err = t.db.View(func(tx *bbolt.Tx) error {
		if b := bucketOf(tx, bucket, instance); b != nil {
			value = bytes.Clone(b.Get([]byte(key)))
		}
		return nil
	})
	return value, err
}

// bucketOf is where the entries of an instance are; nil if there are none.
func bucketOf(tx *bbolt.Tx, bucket, instance string) *bbolt.Bucket {
	b := tx.Bucket([]byte(bucket))
	if b == nil || instance == "" {
		return b
	}
	return b.Bucket([]byte(instance))
}

func (t fileTable) each(bucket, instance string, do func(value []byte) error) error {
	return t.db.View(func(tx *bbolt.Tx) error {
		b := bucketOf(tx, bucket, instance)
		if b == nil {
			return nil
		}
		return b.ForEach(func(_, value []byte) error { return do(value) })
	})
}

func (t fileTable) all(bucket string, do func(value []byte) error) error {
	return t.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		return b.ForEachBucket(func(instance []byte) error {
			return b.Bucket(instance).ForEach(func(_, value []byte) error { return do(value) })
		})
	})
}

func (t fileTable) newest(bucket string, n int, do func(value []byte) error) error {
	return t.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte(bucket)).Cursor()
		for k, value := c.Last(); k != nil; k, value = c.Prev() {
			if err := do(value); err != nil {
				return err
			}
			if n--; n == 0 {
				return nil
			}
		}
		return nil
	})
}

func (t fileTable) apply(operations []operation, upTo link) error {
	return t.db.Update(func(tx *bbolt.Tx) error {
		for _, o := range operations {
			if err := applyTo(tx, o); err != nil {
				return err
			}
		}
		return putPosition(tx, position{link: upTo})
	})
}

func applyTo(tx *bbolt.Tx, o operation) error {
	b, err := tx.CreateBucketIfNotExists([]byte(o.Bucket))
	if err == nil && o.Instance != "" {
		b, err = b.CreateBucketIfNotExists([]byte(o.Instance))
	}
	if err != nil {
		return fmt.Errorf("bucket %s: %w", o.Bucket, err)
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
	return nil // Of a later version.
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func (t fileTable) dump(do func(operation) error) error {
	return t.db.View(func(tx *bbolt.Tx) error { return dumpAll(tx, do) })
}

// dumpAll calls do with operations that make all that a file holds.
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
