package reconcile_test

import (
	"context"
	"maps"
	"sync"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
)

// countedStore counts how often each bucket is read.
type countedStore struct {
	reconcile.Store
	mu    sync.Mutex
	reads map[string]int
}

func (s *countedStore) read(bucket string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads[bucket]++
}

func (s *countedStore) Records(ctx context.Context, instance string) ([]binding.Record, error) {
	s.read("records")
	return s.Store.Records(ctx, instance)
}

func (s *countedStore) Intents(ctx context.Context, instance string) ([]binding.Intent, error) {
	s.read("intents")
	return s.Store.Intents(ctx, instance)
}

func (s *countedStore) RetryStates(ctx context.Context, instance string) ([]binding.RetryState, error) {
	s.read("retry states")
	return s.Store.RetryStates(ctx, instance)
}

func (s *countedStore) Suspensions(ctx context.Context, instance string) ([]binding.Suspension, error) {
	s.read("suspensions")
	return s.Store.Suspensions(ctx, instance)
}

func (s *countedStore) SecretTargets(ctx context.Context) (binding.SecretTargets, error) {
	s.read("secret targets")
	return s.Store.SecretTargets(ctx)
}

// TestARoundReadsEachBucketOnce: everything for a round is read only once, even if
// rounds are made for two snapshots.
func TestARoundReadsEachBucketOnce(t *testing.T) {
	t.Parallel()
	w := newWorld()
	o := w.options()
	store := &countedStore{Store: o.Store, reads: map[string]int{}}
	o.Store = store
	r := reconcile.New(o)
	d := desire(gitlab())
	synced(t, r, d)
	want := map[string]int{"records": 1, "intents": 1, "retry states": 1, "suspensions": 1, "secret targets": 1}
	for _, snapshots := range [][]plan.Desired{{d}, {d, desire()}} {
		clear(store.reads)
		if _, err := r.PlanEach(t.Context(), snapshots, binding.DepthLive); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(store.reads, want) {
			t.Errorf("for %d snapshots: read %v, want %v", len(snapshots), store.reads, want)
		}
	}
}
