package registry

import (
	"context"
	"slices"
	"sync"
)

// requests has the registry's IDs of the requests that it answered.
type requests struct {
	mu    sync.Mutex
	names []string
}

type requestsKey struct{}

// WithRequests returns a context in which drivers record the request IDs of
// writes.
func WithRequests(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestsKey{}, &requests{})
}

// NoteRequest records the registry's ID of a request that it answered. It
// ignores an empty one.
func NoteRequest(ctx context.Context, name string) {
	if r, ok := ctx.Value(requestsKey{}).(*requests); ok && name != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names = append(r.names, name)
	}
}

// RequestsOf returns the request IDs that were recorded in a context of
// WithRequests, in order.
func RequestsOf(ctx context.Context) []string {
	r, ok := ctx.Value(requestsKey{}).(*requests)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.names)
}
