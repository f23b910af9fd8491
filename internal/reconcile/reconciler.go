package reconcile

import (
	"context"
	"fmt"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/plan"
)

// objectAccount is the plan's word for an action on the account itself.
const objectAccount = "account"

// Options are what a Reconciler needs.
type Options struct {
	Instance plan.Instance
	Registry Registry
	Hosts    map[binding.Platform]Host
	// Sites may be nil; see ObserverOptions.
	Sites  map[binding.Platform]Site
	Tokens TokenReader
	Store  Store
	// Key keys the fingerprints of tokens whose store has no versions.
	Key    []byte
	Policy plan.Policy
	// CallTimeout bounds each call, also one in flight when the context ends;
	// 30 seconds if zero.
	CallTimeout time.Duration
	// Parallel and HostMemory are those of ObserverOptions.
	Parallel   int
	HostMemory time.Duration
	// RetryBase and RetryMax bound the pause before what failed is tried
	// again, which doubles from the one to the other; 10 seconds and 30
	// minutes if zero.
	RetryBase, RetryMax time.Duration
	// Events, if not nil, is told what happens, one event at a time. It must
	// not call the reconciler.
	Events func(Event)
	Now    func() time.Time
}

// Reconciler makes one instance as it is declared. It is safe for concurrent
// use: one plan or apply runs at a time.
type Reconciler struct {
	o        Options
	observer *Observer
	backoff  *backoff

	// running is held by a plan or an apply.
	running sync.Mutex
	telling sync.Mutex

	mu       sync.Mutex
	seen     sight
	statuses map[string]binding.Status
}

// sight is what the last plan was made from.
type sight struct {
	desired Desired
	obs     binding.Observation
	plan    plan.Plan
}

// New makes a reconciler of one instance.
func New(o Options) *Reconciler {
	if o.CallTimeout <= 0 {
		o.CallTimeout = defaultCallTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Reconciler{
		o:       o,
		backoff: newBackoff(o.RetryBase, o.RetryMax),
		observer: NewObserver(ObserverOptions{
			Instance: o.Instance, Registry: o.Registry, Hosts: o.Hosts, Sites: o.Sites, Tokens: o.Tokens, Key: o.Key,
			CallTimeout: o.CallTimeout, Parallel: o.Parallel, HostMemory: o.HostMemory, Now: o.Now,
			AllowAddressChangeWithSecret: o.Policy.AllowAddressChangeWithSecret,
		}),
		statuses: map[string]binding.Status{},
	}
}

// Plan observes, answers the intents that an earlier run left open, and makes
// a plan. It changes nothing outside; the error is the store's or ctx's, and
// whatever does not answer is told in the observation.
func (r *Reconciler) Plan(ctx context.Context, desired Desired, depth Depth) (plan.Plan, binding.Observation, error) {
	r.running.Lock()
	defer r.running.Unlock()
	return r.plan(ctx, desired, depth)
}

func (r *Reconciler) plan(ctx context.Context, desired Desired, depth Depth) (plan.Plan, binding.Observation, error) {
	name := r.o.Instance.Name
	records, err := r.o.Store.Records(ctx, name)
	if err != nil {
		return plan.Plan{}, binding.Observation{}, fmt.Errorf("instance %s: %w", name, err)
	}
	intents, err := r.o.Store.Intents(ctx, name)
	if err != nil {
		return plan.Plan{}, binding.Observation{}, fmt.Errorf("instance %s: %w", name, err)
	}
	obs := r.observer.Observe(ctx, desired, intended(records, intents), depth)
	if err := ctx.Err(); err != nil {
		return plan.Plan{}, obs, fmt.Errorf("instance %s: stopped while observing: %w", name, err)
	}
	l := newLedger(r.o.Store, r.o.Now, records)
	intents, err = r.recover(context.WithoutCancel(ctx), l, obs, intents)
	if err != nil {
		return plan.Plan{}, obs, fmt.Errorf("instance %s: %w", name, err)
	}
	p := plan.Make(plan.Input{
		Now: r.o.Now(), Instance: r.o.Instance, Declarations: desired.of(name),
		Broken: desired.Broken, Rewritten: desired.Rewritten, EmptySnapshot: desired.EmptySnapshot,
		Observation: obs, Records: l.all(), Intents: intents, Policy: r.o.Policy,
	})
	r.mu.Lock()
	r.seen = sight{desired, obs, p}
	r.mu.Unlock()
	r.emit(Event{Kind: PlanMade, Revision: desired.Revision, Plan: &p})
	return p, obs, nil
}

// Sync plans to the given depth and applies the plan. It is what the loop does
// each time.
func (r *Reconciler) Sync(ctx context.Context, desired Desired, depth Depth) (Result, error) {
	r.running.Lock()
	defer r.running.Unlock()
	started := r.o.Now()
	p, _, err := r.plan(ctx, desired, depth)
	if err != nil {
		if ctx.Err() != nil {
			return Result{}, err // Being stopped is no failure.
		}
		r.emit(Event{Kind: SyncFailed, Revision: desired.Revision, Err: err, Took: r.o.Now().Sub(started)})
		return Result{}, err
	}
	result := r.apply(ctx, p, desired)
	r.emit(Event{
		Kind: SyncDone, Revision: desired.Revision, Plan: &p, Result: &result,
		Statuses: r.Statuses(), Took: r.o.Now().Sub(started),
	})
	return result, nil
}

// Apply carries out a plan that Plan made. When ctx ends, calls in flight end
// in their own time, their outcomes are written, and the rest is not begun.
func (r *Reconciler) Apply(ctx context.Context, p plan.Plan, desired Desired) Result {
	r.running.Lock()
	defer r.running.Unlock()
	return r.apply(ctx, p, desired)
}

func (r *Reconciler) emit(e Event) {
	if r.o.Events == nil {
		return
	}
	e.Time, e.Instance = r.o.Now(), r.o.Instance.Name
	r.telling.Lock()
	defer r.telling.Unlock()
	r.o.Events(e)
}
