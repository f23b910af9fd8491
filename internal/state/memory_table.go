package state

import (
	"bytes"
	"maps"
	"slices"
	"sync"
)

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

func (t *memoryTable) get(bucket, instance, key string) ([]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.entries[memoryKey{bucket, instance}][key]), nil
}

func (t *memoryTable) apply(operations []operation, _ link) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, o := range operations {
		t.applyOne(o)
	}
	return nil
}

func (t *memoryTable) applyOne(o operation) {
	at := memoryKey{o.Bucket, o.Instance}
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
	for _, instance := range t.instances(bucket) {
		if err := t.each(bucket, instance, do); err != nil {
			return err
		}
	}
	return nil
}

// instances are those that have entries in a bucket, sorted.
func (t *memoryTable) instances(bucket string) (instances []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := range t.entries {
		if at.bucket == bucket && at.instance != "" {
			instances = append(instances, at.instance)
		}
	}
	slices.Sort(instances)
	return instances
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

func (t *memoryTable) dump(do func(operation) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
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

// longest is the length of the longest value.
func (t *memoryTable) longest() (n int) {
	_ = t.dump(func(o operation) error { // It never fails.
		n = max(n, len(o.value()))
		return nil
	})
	return n
}

// equal says whether two tables hold the same.
func (t *memoryTable) equal(other *memoryTable) bool {
	same := func(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }
	lists := func(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }
	return maps.EqualFunc(t.entries, other.entries, same) && maps.EqualFunc(t.lists, other.lists, lists)
}
