package registry

import (
	"context"
	"slices"
	"sync"
)

// requests are the registry's own names of the requests that it answered.
type requests struct {
	mu    sync.Mutex
	names []string
}

type requestsKey struct{}

// WithRequests returns a context in which drivers note the requests of writes.
func WithRequests(ctx context.Context) context.Context {
	return context.WithValue(ctx, requestsKey{}, &requests{})
}

// NoteRequest notes the registry's own name of a request that it answered; an
// empty one is none.
func NoteRequest(ctx context.Context, name string) {
	if r, ok := ctx.Value(requestsKey{}).(*requests); ok && name != "" {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.names = append(r.names, name)
	}
}

// RequestsOf are the requests that were noted in a context of WithRequests, in
// their order.
func RequestsOf(ctx context.Context) []string {
	r, ok := ctx.Value(requestsKey{}).(*requests)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.names)
}
