package reconcile

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/message"

	"reconciler/internal/apply"
	"reconciler/internal/binding"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/registry"
	"reconciler/internal/secrets"
	"reconciler/internal/status"
	"reconciler/internal/trace"
)

// Options are what a Reconciler needs.
type Options struct {
	// Who asked to apply; the zero Person if the daemon does it by itself.
	Who      binding.Person
	Instance plan.Instance
	Registry registry.Driver
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
	// Quotas are those of the instance.
	Quotas plan.Quotas
	// CallTimeout limits each call, including one in flight when the context ends;
	// 30 seconds if zero.
	CallTimeout time.Duration
	// Grace limits how long a write in flight, and the observation of its outcome,
	// may take after the context has ended. With 0, only CallTimeout limits each
	// call.
	Grace time.Duration
	// Parallel and HostMemory are those of observe.Options.
	Parallel   int
	HostMemory time.Duration
	// RetryBase and RetryMax limit the pause before a failed action is tried again.
	// It doubles from the one to the other; they are 10 seconds and 30 minutes if
	// zero.
	RetryBase, RetryMax time.Duration
	// Observer, if not nil, is used instead of one made from the fields above. A
	// reconciler with an observe.Recorded needs no Registry, no Tokens and no
	// Hosts, and can only plan.
	Observer Observer
	// Events, if not nil, is called with each event, one at a time. It must
	// not call the reconciler.
	Events func(plan.Event)
	// Redactor removes secrets from the statuses; if it is nil, they are not
	// changed.
	Redactor *secrets.Redactor
	Now      func() time.Time
	// Wait waits before the next read of something that the registry does not show;
	// nil means a timer.
	Wait func(context.Context, time.Duration) error
}

// Observer makes observations; see observe.Observer, and observe.Recorded.
type Observer interface {
	ObserveEach(ctx context.Context, declared [][]binding.Declaration, targets []binding.SecretTargets, records []binding.Record, depth binding.Depth) []binding.Observation
}

// Reconciler brings one instance to its declared state. It is safe for concurrent
// use: one plan or apply runs at a time.
type Reconciler struct {
	o        Options
	observer Observer
	applier  *apply.Applier
	written  *countingStore
	backoff  *backoff
	activity *activity

	// running is held by a plan or an apply.
	running  semaphore
	emitting sync.Mutex
	// failuresRestored is true after the failures from before a restart were taken over.
	failuresRestored atomic.Bool
	// looped is true if a loop runs the reconciler, and not a person.
	looped atomic.Bool

	mu sync.Mutex
	// last is the last round; nil before the first.
	last *plan.Round
	// settled is the last applied round, if its plan may apply to later rounds;
	// nil otherwise. reusedFor is the last round if it has the plan of settled; nil if
	// it was planned again.
	settled   *settledRound
	reusedFor *plan.Round
	// changed is true if something was changed since last was observed.
	changed bool
	// statuses are redacted; learned is what the redactor had learned by then.
	statuses map[string]binding.Status
	learned  uint64
	// credentials is a condition of the instance; nil before the first apply.
	credentials *binding.Condition
	// edition is one while the configuration and instances.yaml disagree on the
	// edition; nil otherwise.
	edition *binding.Condition
	// unread is nil while the source of declarations answers.
	unread *unread
}

// New makes a reconciler of one instance.
func New(o Options) *Reconciler {
	if o.CallTimeout <= 0 {
		o.CallTimeout = observe.DefaultCallTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	moving := &activity{now: o.Now}
	if _, recorded := o.Observer.(*observe.Recorded); o.Wait == nil && !recorded {
		o.Wait = binding.Sleep
	}
	if o.Observer == nil {
		o.Observer = observe.New(observe.Options{
			Instance: o.Instance.Name, Registry: o.Registry, Hosts: o.Hosts, Sites: o.Sites, Tokens: o.Tokens, Key: o.Key,
			CallTimeout: o.CallTimeout, Parallel: o.Parallel, HostMemory: o.HostMemory, Now: o.Now,
			AllowAddressChangeWithSecret: o.Policy.AllowAddressChangeWithSecret, Moved: moving.moved,
			CountsUsage: o.Quotas != plan.Quotas{},
		})
	}
	retry := apply.Backoff{Base: o.RetryBase, Max: o.RetryMax}
	r := &Reconciler{
		o: o, observer: o.Observer, written: &countingStore{Store: o.Store, registry: o.Instance.Registry()}, backoff: newBackoff(retry), activity: moving,
		running: make(semaphore, 1), statuses: map[string]binding.Status{},
	}
	hosts := make(map[binding.Platform]apply.Host, len(o.Hosts))
	for platform, host := range o.Hosts {
		hosts[platform] = host
	}
	r.applier = apply.New(apply.Options{
		Instance: o.Instance.Name, Who: o.Who, Registry: o.Registry, Hosts: hosts, Tokens: o.Tokens, Store: r.written, Observer: o.Observer, Key: o.Key,
		CallTimeout: o.CallTimeout, Grace: o.Grace, Retry: retry, Settle: o.Policy.Settle, Wait: o.Wait, Emit: r.emit, Moved: moving.moved, Now: o.Now,
	})
	return r
}

// Plan observes, answers the intents that an earlier run left open, and makes a
// round. It changes nothing in the registry. An error comes from the store or from
// ctx. What does not answer is unknown in the observation.
func (r *Reconciler) Plan(ctx context.Context, desired plan.Desired, depth binding.Depth) (*plan.Round, error) {
	rounds, err := r.PlanEach(ctx, []plan.Desired{desired}, depth)
	if err != nil {
		return nil, err
	}
	return rounds[0], nil
}

// PlanEach does the same for several snapshots, in their order, from one
// observation: their plans differ only by what the snapshots declare.
func (r *Reconciler) PlanEach(ctx context.Context, desireds []plan.Desired, depth binding.Depth) ([]*plan.Round, error) {
	r.running.Lock()
	defer r.running.Unlock()
	return r.planEach(ctx, nil, desireds, depth, func() {})
}

// planEach calls seen once everything is observed. What it does before and after
// that is in separate functions, to keep its stack small: thousands of syncs may
// wait here for hosts that do not answer.
func (r *Reconciler) planEach(ctx context.Context, inForce []binding.Declaration, desireds []plan.Desired, depth binding.Depth, seen func()) ([]*plan.Round, error) {
	basis := &plan.Round{Depth: depth, Observed: r.o.Now()}
	if err := r.remembered(ctx, basis, inForce); err != nil {
		return nil, err
	}
	observations := r.observeEach(ctx, basis, desireds)
	seen()
	return r.rounds(ctx, basis, desireds, observations)
}

// observeEach observes what snapshots declare.
func (r *Reconciler) observeEach(ctx context.Context, basis *plan.Round, desireds []plan.Desired) []binding.Observation {
	declared, targets := make([][]binding.Declaration, len(desireds)), make([]binding.SecretTargets, len(desireds))
	for n := range desireds {
		declared[n] = desireds[n].Of(r.o.Instance.Name)
		targets[n] = basis.SecretTargets.With(basis.Records, nil).And(desireds[n].SecretTargets())
	}
	ctx, span := trace.Start(ctx, "observe")
	defer span.End("")
	return r.observer.ObserveEach(ctx, declared, targets, apply.Intended(basis.Records, basis.Intents), basis.Depth)
}

// rounds makes the round of each snapshot from what was observed for it.
func (r *Reconciler) rounds(ctx context.Context, basis *plan.Round, desireds []plan.Desired, observations []binding.Observation) ([]*plan.Round, error) {
	name := r.o.Instance.Name
	if err := ctx.Err(); err != nil {
		return nil, message.NewError("instance.stopped", "name", name, "err", err)
	}
	if err := r.people(ctx, basis); err != nil {
		return nil, err
	}
	r.restoreFailures(basis.RetryStates)
	// The objects of intents are remembered, so all observations include them.
	if err := r.applier.AnswerIntents(context.WithoutCancel(ctx), basis, observations...); err != nil {
		return nil, message.NewError("instance.failed", "name", name, "err", err)
	}
	r.observed()
	rounds := make([]*plan.Round, len(desireds))
	for n, desired := range desireds {
		of := *basis
		of.Observation = observations[n]
		made := false
		if rounds[n], made = r.round(of, desired); made {
			r.emit(plan.Event{Kind: plan.PlanMade, Revision: desired.Revision, Plan: &rounds[n].Plan, Round: rounds[n]})
		}
	}
	return rounds, nil
}

// round makes the round of a snapshot from what was observed and is remembered, and
// keeps it as the last one. made is false if it has the plan of the settled round.
func (r *Reconciler) round(of plan.Round, desired plan.Desired) (round *plan.Round, made bool) {
	of.Revision, of.BreakGlass, of.Declarations = desired.Revision, desired.BreakGlass, desired.Of(r.o.Instance.Name)
	of.Declared = desired.SecretTargets()
	of.Broken, of.Held = desired.BrokenOf(r.o.Instance.Name)
	of.Rewritten, of.EmptySnapshot = desired.Rewritten, desired.EmptySnapshot
	r.setHeld(of.Held)
	return r.keep(of)
}

// keep adds what is known now and a plan to a round, and keeps it as the last one.
// made is false if it has the plan of the settled round.
func (r *Reconciler) keep(of plan.Round) (round *plan.Round, made bool) {
	of.Now, of.Instance, of.Policy, of.Windows, of.Quotas = r.o.Now(), r.o.Instance, r.o.Policy, r.o.Windows, r.o.Quotas
	r.backoff.correctClock(of.Now)
	of.Retries = r.backoff.all()
	r.mu.Lock()
	settled := r.settled
	r.mu.Unlock()
	if made = !settled.appliesTo(of); made {
		round = plan.NewRound(of)
	} else {
		of.Plan = settled.round.Plan
		round = &of
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.reusedFor = round, nil
	if !made {
		r.reusedFor = round
	}
	return round, made
}

// observed notes that nothing was changed since the last observation.
func (r *Reconciler) observed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = false
}

// Last returns the last round; nil before the first.
func (r *Reconciler) Last() *plan.Round {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// ErrUnseen means that an instance has not been observed yet.
var ErrUnseen = message.NewError("reconcile.unseen")

// Current returns a round with what is there and remembered now: the last one,
// which is observed again to the same depth if something was changed since. It
// waits for a sync that is under way, until ctx ends. Before the first plan, the
// error is ErrUnseen.
func (r *Reconciler) Current(ctx context.Context) (*plan.Round, error) {
	name := r.o.Instance.Name
	if err := r.running.acquire(ctx); err != nil {
		return nil, message.NewError("instance.busy", "name", name, "err", err)
	}
	defer r.running.Unlock()
	r.mu.Lock()
	last, changed := r.last, r.changed
	r.mu.Unlock()
	if last == nil {
		return nil, message.NewError("instance.failed", "name", name, "err", ErrUnseen)
	}
	now := *last
	if err := r.remembered(ctx, &now, nil); err != nil {
		return nil, err
	}
	if changed {
		now.Observed = r.o.Now()
		now.Observation = r.observe(ctx, now.Declarations, now.Targets(), apply.Intended(now.Records, now.Intents), now.Depth)
		if err := ctx.Err(); err != nil {
			return nil, message.NewError("instance.stopped", "name", name, "err", err)
		}
		r.observed()
	}
	if err := r.people(ctx, &now); err != nil {
		return nil, err
	}
	round, _ := r.keep(now)
	return round, nil
}

// observe observes for one snapshot, which has these declarations.
func (r *Reconciler) observe(ctx context.Context, declared []binding.Declaration, targets binding.SecretTargets, records []binding.Record, depth binding.Depth) binding.Observation {
	return r.observer.ObserveEach(ctx, [][]binding.Declaration{declared}, []binding.SecretTargets{targets}, records, depth)[0]
}

// remembered puts into a round what has to be known before it is observed. inForce
// are the declarations that are in force now, so they were declared last.
func (r *Reconciler) remembered(ctx context.Context, into *plan.Round, inForce []binding.Declaration) error {
	name, err := r.o.Instance.Name, error(nil)
	if into.Records, err = r.written.Records(ctx, name); err != nil {
		return message.NewError("instance.failed", "name", name, "err", err)
	}
	r.applier.NoteDeclared(into.Records, inForce)
	into.Records = r.applier.LastDeclared(into.Records)
	if into.Intents, err = r.written.Intents(ctx, name); err != nil {
		return message.NewError("instance.failed", "name", name, "err", err)
	}
	if into.SecretTargets, err = r.o.Store.SecretTargets(ctx); err != nil {
		return message.NewError("instance.failed", "name", name, "err", err)
	}
	return nil
}

// people puts into a round what persons may have changed during its observation:
// suspensions and retry states.
func (r *Reconciler) people(ctx context.Context, into *plan.Round) error {
	name, err := r.o.Instance.Name, error(nil)
	if into.RetryStates, err = r.applier.RetryStates(context.WithoutCancel(ctx)); err != nil {
		return message.NewError("instance.failed", "name", name, "err", err)
	}
	into.Suspensions, err = r.suspensions(context.WithoutCancel(ctx))
	return err
}

// Apply carries out the plan of a round. When ctx ends, calls in flight are
// completed, their outcomes are written, and no further action begins.
func (r *Reconciler) Apply(ctx context.Context, round *plan.Round) plan.Result {
	r.running.Lock()
	defer r.running.Unlock()
	return r.apply(ctx, round)
}

func (r *Reconciler) apply(ctx context.Context, round *plan.Round) plan.Result {
	result := r.again(ctx, round)
	// The statuses are computed without the lock, so that nobody who lists them has
	// to wait. That is safe, because only a sync makes new ones.
	r.mu.Lock()
	before := r.statuses
	r.mu.Unlock()
	learned := r.o.Redactor.Learned()
	statuses := r.redacted(status.Next(before, round, result))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = r.changed || result.Count(plan.Done, plan.Failed) > 0
	r.statuses, r.learned = statuses, learned
	r.credentials = new(status.Credentials(r.credentials, round, result))
	return result
}

func (r *Reconciler) emit(e plan.Event) {
	if r.o.Events == nil {
		return
	}
	e.Time, e.Instance = r.o.Now(), r.o.Instance.Name
	r.emitting.Lock()
	defer r.emitting.Unlock()
	r.o.Events(e)
}
