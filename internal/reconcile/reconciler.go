package reconcile

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
)

// Options are what a Reconciler needs.
type Options struct {
	Instance plan.Instance
	Registry Registry
	Hosts    map[binding.Platform]observe.Host
	// Sites may be nil; see observe.Options.
	Sites  map[binding.Platform]observe.Site
	Tokens observe.TokenReader
	Store  Store
	// Key keys the fingerprints of tokens whose store has no versions.
	Key    []byte
	Policy plan.Policy
	// Windows say when the instance may be changed.
	Windows plan.Windows
	// CallTimeout bounds each call, also one in flight when the context ends;
	// 30 seconds if zero.
	CallTimeout time.Duration
	// Grace bounds a write in flight, and what finds out what became of it,
	// once the context has ended; 0 leaves them the time that calls have.
	Grace time.Duration
	// Parallel and HostMemory are those of observe.Options.
	Parallel   int
	HostMemory time.Duration
	// RetryBase and RetryMax bound the pause before what failed is tried
	// again, which doubles from the one to the other; 10 seconds and 30
	// minutes if zero.
	RetryBase, RetryMax time.Duration
	// Observer, if not nil, is used in place of one made of the fields above. A
	// reconciler with an observe.Recorded needs no Registry, no Tokens and no
	// Hosts, and can only plan.
	Observer Observer
	// Events, if not nil, is told what happens, one event at a time. It must
	// not call the reconciler.
	Events func(plan.Event)
	Now    func() time.Time
}

// Observer makes observations; see observe.Observer, and observe.Recorded.
type Observer interface {
	ObserveEach(ctx context.Context, declared [][]binding.Declaration, records []binding.Record, depth binding.Depth) []binding.Observation
}

// Reconciler makes one instance as it is declared. It is safe for concurrent
// use: one plan or apply runs at a time.
type Reconciler struct {
	o        Options
	observer Observer
	backoff  *backoff
	pulse    *pulse

	// running is held by a plan or an apply.
	running turn
	telling sync.Mutex
	// trying is held while what is remembered of efforts is changed.
	trying sync.Mutex
	// recalled says that what failed before a restart was taken over.
	recalled atomic.Bool
	// looped says that a loop runs it, and no person.
	looped atomic.Bool

	mu       sync.Mutex
	seen     sight
	statuses map[string]binding.Status
}

// sight is what the last plan was made from.
type sight struct {
	desired plan.Desired
	obs     binding.Observation
	plan    plan.Plan
	depth   binding.Depth
	// suspensions are those that the plan was made with.
	suspensions []binding.Suspension
	// at is when the look began; since it, something may have been changed by
	// us where stale is set.
	at    time.Time
	stale bool
}

// turn is a lock that one can stop waiting for.
type turn chan struct{}

func (t turn) Lock()   { t <- struct{}{} }
func (t turn) Unlock() { <-t }

// take is Lock, or the error of ctx where that ends first.
func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// New makes a reconciler of one instance.
func New(o Options) *Reconciler {
	if o.CallTimeout <= 0 {
		o.CallTimeout = observe.DefaultCallTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	beat := &pulse{now: o.Now}
	if o.Observer == nil {
		o.Observer = observe.New(observe.Options{
			Instance: o.Instance.Name, Registry: o.Registry, Hosts: o.Hosts, Sites: o.Sites, Tokens: o.Tokens, Key: o.Key,
			CallTimeout: o.CallTimeout, Parallel: o.Parallel, HostMemory: o.HostMemory, Now: o.Now,
			AllowAddressChangeWithSecret: o.Policy.AllowAddressChangeWithSecret, Moved: beat.moved,
		})
	}
	return &Reconciler{
		o: o, observer: o.Observer, backoff: newBackoff(o.RetryBase, o.RetryMax), pulse: beat,
		running: make(turn, 1), statuses: map[string]binding.Status{},
	}
}

// Plan observes, answers the intents that an earlier run left open, and makes
// a plan. It changes nothing outside; the error is the store's or ctx's, and
// whatever does not answer is told in the observation.
func (r *Reconciler) Plan(ctx context.Context, desired plan.Desired, depth binding.Depth) (plan.Plan, binding.Observation, error) {
	r.running.Lock()
	defer r.running.Unlock()
	return r.plan(ctx, desired, depth)
}

func (r *Reconciler) plan(ctx context.Context, desired plan.Desired, depth binding.Depth) (plan.Plan, binding.Observation, error) {
	planned, err := r.planEach(ctx, []plan.Desired{desired}, depth)
	if err != nil {
		return plan.Plan{}, binding.Observation{}, err
	}
	return planned[0].Plan, planned[0].Observation, nil
}

// Planned is a plan with the observation that it was made of.
type Planned struct {
	Plan        plan.Plan
	Observation binding.Observation
}

// PlanEach is Plan for several snapshots, in their order, from one look: what
// differs between their plans is the snapshots' doing alone.
func (r *Reconciler) PlanEach(ctx context.Context, desireds []plan.Desired, depth binding.Depth) ([]Planned, error) {
	r.running.Lock()
	defer r.running.Unlock()
	return r.planEach(ctx, desireds, depth)
}

func (r *Reconciler) planEach(ctx context.Context, desireds []plan.Desired, depth binding.Depth) ([]Planned, error) {
	name, started := r.o.Instance.Name, r.o.Now()
	records, intents, err := r.remembered(ctx)
	if err != nil {
		return nil, err
	}
	declared := make([][]binding.Declaration, len(desireds))
	for n, desired := range desireds {
		declared[n] = desired.Of(name)
	}
	observations := r.observer.ObserveEach(ctx, declared, intended(records, intents), depth)
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("instance %s: stopped while observing: %w", name, err)
	}
	l := newLedger(r.o.Store, r.o.Now, records)
	efforts, err := r.o.Store.Efforts(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", name, err)
	}
	r.recall(efforts)
	// What an intent asks about is remembered, so that all observations have it.
	intents, err = r.recover(context.WithoutCancel(ctx), l, observations[0], intents)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", name, err)
	}
	suspensions, err := r.suspensions(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	planned := make([]Planned, len(desireds))
	for n, desired := range desireds {
		p := plan.Make(plan.Input{
			Now: r.o.Now(), Instance: r.o.Instance, Declarations: declared[n],
			Broken: desired.Broken, Rewritten: desired.Rewritten, EmptySnapshot: desired.EmptySnapshot,
			Observation: observations[n], Records: l.all(), Intents: intents, Efforts: efforts, Suspensions: suspensions,
			Policy: r.o.Policy, Windows: r.o.Windows,
		})
		planned[n] = Planned{p, observations[n]}
		r.mu.Lock()
		r.seen = sight{desired: desired, obs: observations[n], plan: p, depth: depth, suspensions: suspensions, at: started}
		r.mu.Unlock()
		r.emit(plan.Event{Kind: plan.PlanMade, Revision: desired.Revision, Plan: &p})
	}
	return planned, nil
}

// observe observes for one snapshot, of which these are the declarations.
func (r *Reconciler) observe(ctx context.Context, declared []binding.Declaration, records []binding.Record, depth binding.Depth) binding.Observation {
	return r.observer.ObserveEach(ctx, [][]binding.Declaration{declared}, records, depth)[0]
}

// remembered is what the store has of the instance.
func (r *Reconciler) remembered(ctx context.Context) ([]binding.Record, []binding.Intent, error) {
	records, err := r.o.Store.Records(ctx, r.o.Instance.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("instance %s: %w", r.o.Instance.Name, err)
	}
	intents, err := r.o.Store.Intents(ctx, r.o.Instance.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("instance %s: %w", r.o.Instance.Name, err)
	}
	return records, intents, nil
}

// Sync plans to the given depth and applies the plan. It is what the loop does
// each time.
func (r *Reconciler) Sync(ctx context.Context, desired plan.Desired, depth binding.Depth) (plan.Result, error) {
	r.running.Lock()
	defer r.running.Unlock()
	started := r.o.Now()
	p, _, err := r.plan(ctx, desired, depth)
	if err != nil {
		if ctx.Err() != nil {
			return plan.Result{}, err // Being stopped is no failure.
		}
		r.emit(plan.Event{Kind: plan.SyncFailed, Revision: desired.Revision, Err: err, Took: r.o.Now().Sub(started)})
		return plan.Result{}, err
	}
	result := r.apply(ctx, p, desired)
	r.emit(plan.Event{
		Kind: plan.SyncDone, Revision: desired.Revision, Plan: &p, Result: &result,
		Statuses: r.Statuses(), Took: r.o.Now().Sub(started),
	})
	return result, nil
}

// Apply carries out a plan that Plan made. When ctx ends, calls in flight end
// in their own time, their outcomes are written, and the rest is not begun.
func (r *Reconciler) Apply(ctx context.Context, p plan.Plan, desired plan.Desired) plan.Result {
	r.running.Lock()
	defer r.running.Unlock()
	return r.apply(ctx, p, desired)
}

func (r *Reconciler) emit(e plan.Event) {
	if r.o.Events == nil {
		return
	}
	e.Time, e.Instance = r.o.Now(), r.o.Instance.Name
	r.telling.Lock()
	defer r.telling.Unlock()
	r.o.Events(e)
}
