package state

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
)

// table is the sum of a journal's operations, in memory. Callbacks must not
// change the values that are passed to them. It is safe for concurrent use.
type table struct {
	mu      sync.RWMutex
	entries map[bucketKey]map[string][]byte
	lists   map[string][][]byte
}

// bucketKey is where entries are. The instance is empty in a bucket without instances.
type bucketKey struct{ bucket, instance string }

func newTable() *table {
	return &table{entries: map[bucketKey]map[string][]byte{}, lists: map[string][][]byte{}}
}

func (t *table) get(bucket, instance, key string) []byte {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return bytes.Clone(t.entries[bucketKey{bucket, instance}][key])
}

// apply applies all operations at once.
func (t *table) apply(operations ...operation) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range operations {
		t.applyOne(o)
	}
}

func (t *table) applyOne(o operation) {
	at := bucketKey{o.Bucket, o.Instance}
	switch o.Do {
	case doPut:
		if t.entries[at] == nil {
			t.entries[at] = map[string][]byte{}
		}
		t.entries[at][o.Key] = bytes.Clone(o.value())
	case doRemove:
		if len(o.If) == 0 || bytes.Equal(o.If, t.entries[at][o.Key]) {
			delete(t.entries[at], o.Key)
		}
		if len(t.entries[at]) == 0 {
			delete(t.entries, at)
		}
	case doAppend:
		list := append(t.lists[o.Bucket], bytes.Clone(o.value()))
		t.lists[o.Bucket] = list[max(0, len(list)-MaxEvents):]
	}
}

// each calls do for every entry of an instance, in the order of their keys.
func (t *table) each(bucket, instance string, do func(value []byte) error) error {
	t.mu.RLock()
	values := t.values(nil, bucketKey{bucket, instance})
	t.mu.RUnlock()
	return doAll(values, do)
}

// values appends the entries of a home to to. Entries are never changed in place.
func (t *table) values(to [][]byte, at bucketKey) [][]byte {
	entries := t.entries[at]
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		to = append(to, entries[key])
	}
	return to
}

// doAll calls do without the lock, because decoding would make writers wait.
func doAll(values [][]byte, do func(value []byte) error) error {
	for _, value := range values {
		if err := do(value); err != nil {
			return err
		}
	}
	return nil
}

// all calls do for every entry of every instance, in the order of instances and
// keys.
func (t *table) all(bucket string, do func(value []byte) error) error {
	var values [][]byte
	t.mu.RLock()
	for _, at := range t.bucketKeys() {
		if at.bucket == bucket && at.instance != "" {
			values = t.values(values, at)
		}
	}
	t.mu.RUnlock()
	return doAll(values, do)
}

func (t *table) bucketKeys() []bucketKey {
	return slices.SortedFunc(maps.Keys(t.entries), func(a, b bucketKey) int {
		return cmp.Or(strings.Compare(a.bucket, b.bucket), strings.Compare(a.instance, b.instance))
	})
}

// newest calls do for the newest n of a list, for all if n is 0 or less.
func (t *table) newest(bucket string, n int, do func(value []byte) error) error {
	t.mu.RLock()
	values := slices.Clone(t.lists[bucket])
	t.mu.RUnlock()
	slices.Reverse(values)
	if n > 0 {
		values = values[:min(n, len(values))]
	}
	return doAll(values, do)
}

// dump calls do with operations that make an empty table equal to this one.
func (t *table) dump(do func(operation) error) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for at, entries := range t.entries {
		for key, value := range entries {
			if err := do(newOperation(doPut, at.bucket, at.instance, key, value)); err != nil {
				return err
			}
		}
	}
	for bucket, list := range t.lists {
		for _, value := range list {
			if err := do(newOperation(doAppend, bucket, "", "", value)); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy returns a copy of the table.
func (t *table) copy() *table {
	c := newTable()
	_ = t.dump(func(o operation) error { // It never fails.
		c.apply(o)
		return nil
	})
	return c
}

// longest is the length of the longest value.
func (t *table) longest() (n int) {
	_ = t.dump(func(o operation) error { // It never fails.
		n = max(n, len(o.value()))
		return nil
	})
	return n
}

// equal reports whether two tables have the same content.
func (t *table) equal(other *table) bool {
	same := func(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }
	lists := func(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
	return maps.EqualFunc(t.entries, other.entries, same) && maps.EqualFunc(t.lists, other.lists, lists)
}
