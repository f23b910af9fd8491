package chaos

import (
	"context"
	"errors"
	"sync"
	"syscall"

	"reconciler/internal/binding"
	"reconciler/internal/reconcile"
)

// store is the memory of one process on a disk that outlives it. A process can
// die right before or right after a write, and the disk can be full.
type store struct {
	reconcile.Store
	p *process

	mu sync.Mutex
	// dieIn counts down to the write at which the process dies; 0 is none.
	dieIn int
	// after says that the write is still done.
	after bool
}

// errFull is what a full disk answers.
var errFull = &fullError{}

type fullError struct{}

func (*fullError) Error() string { return "write: " + syscall.ENOSPC.Error() }
func (*fullError) Unwrap() error { return syscall.ENOSPC }

// dieAtWrite arms the death of the process at its nth write from now on.
func (s *store) dieAtWrite(in int, after bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dieIn, s.after = in, after
}

// write does one write, unless the process is or becomes dead.
func (s *store) write(do func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.p.dead() {
		return errKilled
	}
	if s.p.w.diskFull.Load() {
		s.p.w.count("store: full disk")
		return errFull
	}
	if s.dieIn > 0 {
		if s.dieIn--; s.dieIn == 0 {
			var err error
			if s.after {
				err = do()
			}
			s.p.w.count("store: killed at a write")
			s.p.kill()
			return errors.Join(errKilled, err)
		}
	}
	return do()
}

// read does one read of a process that is alive.
func read[T any](s *store, do func() (T, error)) (T, error) {
	if s.p.dead() {
		var none T
		return none, errKilled
	}
	return do()
}

// Records implements apply.RecordStore.
func (s *store) Records(ctx context.Context, instance string) ([]binding.Record, error) {
	return read(s, func() ([]binding.Record, error) { return s.Store.Records(ctx, instance) })
}

// Intents implements apply.IntentStore.
func (s *store) Intents(ctx context.Context, instance string) ([]binding.Intent, error) {
	return read(s, func() ([]binding.Intent, error) { return s.Store.Intents(ctx, instance) })
}

// PutRecord implements apply.RecordStore.
func (s *store) PutRecord(ctx context.Context, r binding.Record) error {
	return s.write(func() error { return s.Store.PutRecord(ctx, r) })
}

// DeleteRecord implements apply.RecordStore.
func (s *store) DeleteRecord(ctx context.Context, r binding.Record) error {
	return s.write(func() error { return s.Store.DeleteRecord(ctx, r) })
}

// PutIntent implements apply.IntentStore.
func (s *store) PutIntent(ctx context.Context, i binding.Intent) error {
	return s.write(func() error { return s.Store.PutIntent(ctx, i) })
}

// DeleteIntent implements apply.IntentStore.
func (s *store) DeleteIntent(ctx context.Context, i binding.Intent) error {
	return s.write(func() error { return s.Store.DeleteIntent(ctx, i) })
}

// PutRetryState implements apply.RetryStateStore.
func (s *store) PutRetryState(ctx context.Context, r ...binding.RetryState) error {
	return s.write(func() error { return s.Store.PutRetryState(ctx, r...) })
}

// DeleteRetryState implements apply.RetryStateStore.
func (s *store) DeleteRetryState(ctx context.Context, r binding.RetryState) error {
	return s.write(func() error { return s.Store.DeleteRetryState(ctx, r) })
}

// AppendEvent implements apply.History.
func (s *store) AppendEvent(ctx context.Context, e ...binding.HistoryEntry) error {
	return s.write(func() error { return s.Store.AppendEvent(ctx, e...) })
}

// DeleteSuspension implements reconcile.SuspensionStore.
func (s *store) DeleteSuspension(ctx context.Context, of binding.Suspension) error {
	return s.write(func() error { return s.Store.DeleteSuspension(ctx, of) })
}
