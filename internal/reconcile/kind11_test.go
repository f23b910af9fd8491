package reconcile_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/reconcile"
	"reconciler/internal/status"
)

// failingStore is a store that fails at one of its methods.
type failingStore struct {
	reconcile.Store
	at string
}

func (s *failingStore) fails(method string) error {
	if s.at == method {
		return &binding.Failure{Kind: binding.Transient, Op: message.Verbatim("state: " + method), Err: syscall.ENOSPC}
	}
	return nil
}

func (s *failingStore) Records(ctx context.Context, instance string) ([]binding.Record, error) {
	if err := s.fails("Records"); err != nil {
		return nil, err
	}
	return s.Store.Records(ctx, instance)
}

func (s *failingStore) RetryStates(ctx context.Context, instance string) ([]binding.RetryState, error) {
	if err := s.fails("RetryStates"); err != nil {
		return nil, err
	}
	return s.Store.RetryStates(ctx, instance)
}

func (s *failingStore) PutRecord(ctx context.Context, r binding.Record) error {
	if err := s.fails("PutRecord"); err != nil {
		return err
	}
	return s.Store.PutRecord(ctx, r)
}

// TestKind11ASyncThatCannotBeginIsShown: what was known before is marked as last
// known, with its age, until the next sync with answers.
func TestKind11ASyncThatCannotBeginIsShown(t *testing.T) {
	for _, at := range []string{"Records", "RetryStates", "PutRecord"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld()
			o := w.options()
			store := &failingStore{Store: o.Store}
			o.Store = store
			r, d := reconcile.New(o), desire(gitlab())
			synced(t, r, d)
			w.settled(t, r, d)
			known := conditionOf(t, r, "pay-gitlab", binding.Ready)
			// Somebody removes the links, and no sync can notice that.
			w.Now = w.Now.Add(time.Minute)
			w.Repos["pay/api"].Link = nil
			store.at = at
			if _, err := r.Sync(t.Context(), d, binding.DepthLive); !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("the sync: %v", err)
			}
			for _, of := range []binding.ConditionType{binding.Ready, binding.Bound, binding.RepositoriesLinked} {
				c := conditionOf(t, r, "pay-gitlab", of)
				if c.Status != binding.True || !c.LastKnown || c.Reason != status.ReasonAsDeclared+status.SuffixLastKnown && of == binding.Ready || !c.Known.Equal(known.Known) {
					t.Errorf("%s: %+v", of, c)
				}
			}
			store.at = ""
			synced(t, r, d)
			w.settled(t, r, d)
			if c := conditionOf(t, r, "pay-gitlab", binding.Ready); c.LastKnown || c.Status != binding.True {
				t.Errorf("after a sync that answers: %+v", c)
			}
		})
	}
}
