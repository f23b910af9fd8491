package reconcile

import (
	"context"
	"slices"
	"sync/atomic"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
)

// countingStore counts the writes that were tried, whether they worked or not, and
// the reads that failed. It has the records and intents of one registry: those of
// another one that had the instance's name stay in the store and are not ours here.
type countingStore struct {
	apply.Store
	// registry is plan.Instance.Registry.
	registry string
	count    atomic.Int64
}

// ofAnother reports whether a record was made of another registry.
func (s *countingStore) ofAnother(r binding.Record) bool {
	return r.Registry != "" && r.Registry != s.registry
}

func (s *countingStore) write(err error) error {
	s.count.Add(1)
	return err
}

func (s *countingStore) read(err error) {
	if err != nil {
		s.count.Add(1)
	}
}

func (s *countingStore) Records(ctx context.Context, instance string) ([]binding.Record, error) {
	all, err := s.Store.Records(ctx, instance)
	s.read(err)
	return slices.DeleteFunc(all, s.ofAnother), err
}

func (s *countingStore) PutRecord(ctx context.Context, record binding.Record) error {
	record.Registry = s.registry
	return s.write(s.Store.PutRecord(ctx, record))
}

func (s *countingStore) DeleteRecord(ctx context.Context, record binding.Record) error {
	return s.write(s.Store.DeleteRecord(ctx, record))
}

func (s *countingStore) Intents(ctx context.Context, instance string) ([]binding.Intent, error) {
	all, err := s.Store.Intents(ctx, instance)
	s.read(err)
	return slices.DeleteFunc(all, func(i binding.Intent) bool { return s.ofAnother(i.Record) }), err
}

func (s *countingStore) PutIntent(ctx context.Context, intent binding.Intent) error {
	intent.Record.Registry = s.registry
	return s.write(s.Store.PutIntent(ctx, intent))
}

func (s *countingStore) DeleteIntent(ctx context.Context, intent binding.Intent) error {
	return s.write(s.Store.DeleteIntent(ctx, intent))
}

func (s *countingStore) RetryStates(ctx context.Context, instance string) ([]binding.RetryState, error) {
	all, err := s.Store.RetryStates(ctx, instance)
	s.read(err)
	return all, err
}

func (s *countingStore) PutRetryState(ctx context.Context, states ...binding.RetryState) error {
	return s.write(s.Store.PutRetryState(ctx, states...))
}

func (s *countingStore) DeleteRetryState(ctx context.Context, state binding.RetryState) error {
	return s.write(s.Store.DeleteRetryState(ctx, state))
}

func (s *countingStore) AppendEvent(ctx context.Context, events ...binding.HistoryEntry) error {
	return s.write(s.Store.AppendEvent(ctx, events...))
}
