package state

import (
	"encoding/binary"
	"maps"
	"slices"
	"sync"

	"go.etcd.io/bbolt"
)

// table is where a store keeps its entries: a file, or memory. An entry stands
// in a bucket, below an instance or, where that is empty, in the bucket itself.
// Values that it passes on are valid until the call returns.
type table interface {
	get(bucket, key string) ([]byte, error)
	put(bucket, instance, key string, value []byte) error
	// remove removes an entry, if there is one and is returns true for its value.
	remove(bucket, instance, key string, is func(value []byte) (bool, error)) error
	// each calls do for every entry of an instance, in the order of their keys.
	each(bucket, instance string, do func(value []byte) error) error
	// all calls do for every entry of every instance, in the order of instances
	// and keys.
	all(bucket string, do func(value []byte) error) error
	// append adds to a list and keeps the newest of it, at most that many;
	// newest calls do for n of them, for all if n is 0 or less.
	append(bucket string, most uint64, value []byte) error
	newest(bucket string, n int, do func(value []byte) error) error
	close() error
}

// fileTable is a bbolt database.
type fileTable struct{ db *bbolt.DB }

func (t fileTable) close() error { return t.db.Close() }

func (t fileTable) get(bucket, key string) (value []byte, err error) {
	err = t.db.View(func(tx *bbolt.Tx) error {
		value = slices.Clone(tx.Bucket([]byte(bucket)).Get([]byte(key)))
		return nil
	})
	return value, err
}

func (t fileTable) put(bucket, instance, key string, value []byte) error {
	return t.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if instance != "" {
			var err error
			if b, err = b.CreateBucketIfNotExists([]byte(instance)); err != nil {
				return err
			}
		}
		return b.Put([]byte(key), value)
	})
}

func (t fileTable) remove(bucket, instance, key string, is func(value []byte) (bool, error)) error {
	return t.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket)).Bucket([]byte(instance))
		if b == nil {
			return nil
		}
		value := b.Get([]byte(key))
		if value == nil {
			return nil
		}
		if ok, err := is(value); err != nil || !ok {
			return err
		}
		return b.Delete([]byte(key))
	})
}

func (t fileTable) each(bucket, instance string, do func(value []byte) error) error {
	return t.db.View(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		if b != nil {
			b = b.Bucket([]byte(instance))
		}
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

func (t fileTable) append(bucket string, most uint64, value []byte) error {
	return t.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(bucket))
		n, err := b.NextSequence()
		if err != nil {
			return err
		}
		if n > most {
			if err := b.Delete(number(n - most)); err != nil {
				return err
			}
		}
		return b.Put(number(n), value)
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

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// memoryTable is a table that ends with the process.
type memoryTable struct {
	mu      sync.Mutex
	entries map[memoryKey]map[string][]byte
	lists   map[string][][]byte
}

type memoryKey struct{ bucket, instance string }

func newMemoryTable() *memoryTable {
	return &memoryTable{entries: map[memoryKey]map[string][]byte{}, lists: map[string][][]byte{}}
}

func (t *memoryTable) close() error { return nil }

func (t *memoryTable) get(bucket, key string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.entries[memoryKey{bucket, ""}][key]), nil
}

func (t *memoryTable) put(bucket, instance, key string, value []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := memoryKey{bucket, instance}
	if t.entries[at] == nil {
		t.entries[at] = map[string][]byte{}
	}
	t.entries[at][key] = slices.Clone(value)
	return nil
}

func (t *memoryTable) remove(bucket, instance, key string, is func(value []byte) (bool, error)) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	entries := t.entries[memoryKey{bucket, instance}]
	value, there := entries[key]
	if !there {
		return nil
	}
	if ok, err := is(value); err != nil || !ok {
		return err
	}
	delete(entries, key)
	return nil
}

func (t *memoryTable) each(bucket, instance string, do func(value []byte) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	entries := t.entries[memoryKey{bucket, instance}]
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if err := do(entries[key]); err != nil {
			return err
		}
	}
	return nil
}

func (t *memoryTable) all(bucket string, do func(value []byte) error) error {
	t.mu.Lock()
	var instances []string
	for at := range t.entries {
		if at.bucket == bucket {
			instances = append(instances, at.instance)
		}
	}
	t.mu.Unlock()
	slices.Sort(instances)
	for _, instance := range instances {
		if err := t.each(bucket, instance, do); err != nil {
			return err
		}
	}
	return nil
}

func (t *memoryTable) append(bucket string, most uint64, value []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := append(t.lists[bucket], slices.Clone(value))
	t.lists[bucket] = list[max(0, len(list)-int(most)):]
	return nil
}

func (t *memoryTable) newest(bucket string, n int, do func(value []byte) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, value := range slices.Backward(t.lists[bucket]) {
		if err := do(value); err != nil {
			return err
		}
		if n--; n == 0 {
			return nil
		}
	}
	return nil
}
