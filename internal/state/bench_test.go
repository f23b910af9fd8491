package state_test

import (
	"encoding/json"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	_ "reconciler/internal/report" // The texts of errors.
	"reconciler/internal/state"
)

// BenchmarkPut compares a write to the journal with one to a bbolt database that
// waits for the disk, in one run: ratio is journal/bbolt. together is the time of
// a write where eight write at once.
func BenchmarkPut(b *testing.B) {
	s, err := state.Open(filepath.Join(b.TempDir(), "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "plain.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var journal, plain, together time.Duration
	version := 0
	for b.Loop() {
		version++
		r := record("one", "a")
		r.TokenVersion = version
		start := time.Now()
		if err := s.PutRecord(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		journal += time.Since(start)
		start = time.Now()
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists([]byte("records"))
			if err != nil {
				return err
			}
			data, err := json.Marshal(r)
			if err != nil {
				return err
			}
			return bucket.Put([]byte("a"), data)
		})
		if err != nil {
			b.Fatal(err)
		}
		plain += time.Since(start)
		start = time.Now()
		var writers sync.WaitGroup
		for n := range 8 {
			writers.Go(func() {
				r := record("two", string(rune('a'+n)))
				r.TokenVersion = version
				if err := s.PutRecord(b.Context(), r); err != nil {
					b.Error(err)
				}
			})
		}
		writers.Wait()
		together += time.Since(start) / 8
	}
	b.ReportMetric(float64(journal)/float64(plain), "ratio")
	b.ReportMetric(float64(together.Microseconds())/float64(version), "µs/together")
	b.ReportMetric(float64(journal.Microseconds())/float64(version), "µs/journal")
	b.ReportMetric(float64(plain.Microseconds())/float64(version), "µs/bbolt")
}
