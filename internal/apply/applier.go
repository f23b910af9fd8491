package apply

import (
	"context"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// Options are everything that an Applier uses apart from the round.
type Options struct {
	// Instance is the name of the instance.
	Instance string
	// Who asked to apply; the zero Person if the daemon does it by itself.
	Who      binding.Person
	Registry Registry
	Hosts    map[binding.Platform]Host
	Tokens   TokenReader
	Store    Store
	// Observer finds out the outcome of a write whose answer was lost.
	Observer Observer
	// Key keys the fingerprints of tokens whose store has no versions.
	Key []byte
	// CallTimeout bounds each call.
	CallTimeout time.Duration
	// Grace limits how long a write in flight, and the observation of its outcome,
	// may take after the context has ended. With 0, only CallTimeout limits each
	// call.
	Grace time.Duration
	Retry Backoff
	// Settle is how long the registry may take to show a write.
	Settle time.Duration
	// Wait waits before the next read of something that the registry does not show;
	// nil if the next read would show the same.
	Wait func(context.Context, time.Duration) error
	// Emit receives events. It must not call the Applier.
	Emit func(plan.Event)
	// Moved is called when a call begins and when it ends.
	Moved func()
	Now   func() time.Time
}

// Applier carries out rounds of one instance. One round is applied at a time;
// Reset may come between.
type Applier struct {
	o Options
	// remembering is held while retry states are read and written.
	remembering sync.Mutex

	mu sync.Mutex
	// unwritten are deletion policies that were declared and could not be written.
	unwritten map[recordKey]binding.DeletionPolicy

	// undone are the digests of open intents that had no effect, although that
	// could not be written. What people do later is not their effect.
	undone map[string]bool
}

// New makes an Applier.
func New(o Options) *Applier {
	return &Applier{o: o, unwritten: map[recordKey]binding.DeletionPolicy{}, undone: map[string]bool{}}
}

// observe observes what the records name.
func (a *Applier) observe(ctx context.Context, records []binding.Record) binding.Observation {
	return a.o.Observer.ObserveEach(ctx, [][]binding.Declaration{nil}, make([]binding.SecretTargets, 1), records, binding.DepthLive)[0]
}
