package worldtest

import (
	"context"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/state"
)

// Store is the state's disk: a dead process reads and writes nothing, and any
// write can be made to fail.
type Store struct{ *World }

func read[T any](w Store, from func() (T, error)) (value T, err error) {
	w.mu.Lock()
	dead := w.Dead
	w.mu.Unlock()
	if dead {
		return value, ErrDead
	}
	return from()
}

func (w Store) write(call string, to func() error) error { return w.Do("store "+call, to) }

// Records implements reconcile.Store.
func (w Store) Records(ctx context.Context, of string) ([]binding.Record, error) {
	return read(w, func() ([]binding.Record, error) { return w.State.Records(ctx, of) })
}

// SecretTargets implements reconcile.Store.
func (w Store) SecretTargets(ctx context.Context) (binding.SecretTargets, error) {
	return read(w, func() (binding.SecretTargets, error) { return w.State.SecretTargets(ctx) })
}

// Suspensions implements reconcile.Store.
func (w Store) Suspensions(ctx context.Context, of string) ([]binding.Suspension, error) {
	return read(w, func() ([]binding.Suspension, error) { return w.State.Suspensions(ctx, of) })
}

// Intents implements reconcile.Store.
func (w Store) Intents(ctx context.Context, of string) ([]binding.Intent, error) {
	return read(w, func() ([]binding.Intent, error) { return w.State.Intents(ctx, of) })
}

// RetryStates implements reconcile.Store.
func (w Store) RetryStates(ctx context.Context, of string) ([]binding.RetryState, error) {
	return read(w, func() ([]binding.RetryState, error) { return w.State.RetryStates(ctx, of) })
}

// DeleteSuspension implements reconcile.Store.
func (w Store) DeleteSuspension(ctx context.Context, s binding.Suspension) error {
	return w.write("delete-suspension", func() error { return w.State.DeleteSuspension(ctx, s) })
}

// PutRecord implements reconcile.Store.
func (w Store) PutRecord(ctx context.Context, r binding.Record) error {
	return w.write("put-record", func() error { return w.State.PutRecord(ctx, r) })
}

// DeleteRecord implements reconcile.Store.
func (w Store) DeleteRecord(ctx context.Context, r binding.Record) error {
	return w.write("delete-record", func() error { return w.State.DeleteRecord(ctx, r) })
}

// PutIntent implements reconcile.Store.
func (w Store) PutIntent(ctx context.Context, i binding.Intent) error {
	return w.write("put-intent", func() error { return w.State.PutIntent(ctx, i) })
}

// DeleteIntent implements reconcile.Store.
func (w Store) DeleteIntent(ctx context.Context, i binding.Intent) error {
	return w.write("delete-intent", func() error { return w.State.DeleteIntent(ctx, i) })
}

// PutRetryState implements reconcile.Store.
func (w Store) PutRetryState(ctx context.Context, e ...binding.RetryState) error {
	return w.write("put-retry-state", func() error { return w.State.PutRetryState(ctx, e...) })
}

// DeleteRetryState implements reconcile.Store.
func (w Store) DeleteRetryState(ctx context.Context, e binding.RetryState) error {
	return w.write("delete-retry-state", func() error { return w.State.DeleteRetryState(ctx, e) })
}

// AppendEvent implements reconcile.Store.
func (w Store) AppendEvent(ctx context.Context, e ...binding.HistoryEntry) error {
	return w.write("append-event", func() error { return w.State.AppendEvent(ctx, e...) })
}

// Reserve implements reconcile.Store.
func (w Store) Reserve(ctx context.Context) error {
	return w.write("reserve", func() error { return w.State.Reserve(ctx) })
}

// What a test looks into: the state of a process that is not dead.

// Records are those remembered, by binding.
func (w *World) Records() map[string]binding.Record {
	return by(w.State.Records, func(r binding.Record) string { return r.Binding + "/" + string(r.Platform) })
}

// Intents are those that are open.
func (w *World) Intents() []binding.Intent {
	return must(w.State.Intents(context.Background(), Instance))
}

// RetryStates are those remembered, by binding.
func (w *World) RetryStates() map[string]binding.RetryState {
	return by(w.State.RetryStates, func(e binding.RetryState) string { return e.Binding })
}

// History is what was done, oldest first.
func (w *World) History() []binding.HistoryEntry {
	newest := must(w.State.Events(context.Background(), 0))
	slices.Reverse(newest)
	return newest
}

// Forget loses all that is remembered.
func (w *World) Forget() { w.State = state.NewMemory() }

func by[T any](read func(context.Context, string) ([]T, error), key func(T) string) map[string]T {
	all := map[string]T{}
	for _, one := range must(read(context.Background(), Instance)) {
		all[key(one)] = one
	}
	return all
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
