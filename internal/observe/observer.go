package observe

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
)

const (
	// DefaultCallTimeout limits a call if nothing else is configured.
	DefaultCallTimeout = 30 * time.Second
	defaultParallel    = 8
)

// Options are what an Observer needs.
type Options struct {
	// Instance is the name of the instance.
	Instance string
	Registry registry.Reader
	// Hosts are the code hosts. A missing one is not asked.
	Hosts map[binding.Platform]Host
	// Sites check declared addresses. A missing one is not asked.
	Sites  map[binding.Platform]Site
	Tokens TokenReader
	// Key is the key of the fingerprints of tokens in a store without versions.
	// Without it there are no fingerprints.
	Key []byte
	// CallTimeout limits each call; DefaultCallTimeout if zero.
	CallTimeout time.Duration
	// Parallel limits the calls in flight to the registry, to the secret store
	// and to each code host; 8 if zero.
	Parallel int
	// HostMemory is how long a code host's answers are valid for an unchanged
	// declaration and token; a tenth of it if one of them was unknown. Zero
	// asks every time.
	HostMemory time.Duration
	// AllowAddressChangeWithSecret lets a token be sent to a different host than
	// the one it was applied with (see binding.SecretTargets).
	AllowAddressChangeWithSecret bool
	// CountsUsage counts what the registry has if an image repository would be
	// created.
	CountsUsage bool
	// Moved, if not nil, is called when a call begins and when it ends.
	Moved func()
	Now   func() time.Time
}

// Observer observes one instance and changes nothing. It is safe for
// concurrent use.
type Observer struct {
	o      Options
	memory *hostMemory
}

// New makes an observer.
func New(o Options) *Observer {
	o.CallTimeout, o.Parallel = cmp.Or(max(o.CallTimeout, 0), DefaultCallTimeout), cmp.Or(max(o.Parallel, 0), defaultParallel)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Moved == nil {
		o.Moved = func() {}
	}
	return &Observer{o: o, memory: newHostMemory(o.HostMemory)}
}

// Observe asks for every platform and image repository that is declared or
// recorded, and for every declared token. If something does not answer, only
// its own part is Unknown. An answer of kind InstanceStop makes everything
// about the registry unknown.
func (ob *Observer) Observe(ctx context.Context, declared []binding.Declaration, records []binding.Record, depth binding.Depth) binding.Observation {
	targets := binding.SecretTargets{}.With(records, declared)
	return ob.ObserveEach(ctx, [][]binding.Declaration{declared}, []binding.SecretTargets{targets}, records, depth)[0]
}

// ObserveEach is Observe for several snapshots, such as the two ends of a change. It
// asks only once for what more than one of them declares. For each snapshot, declared
// has the declarations of this instance, and targets has where the secrets of all
// instances are sent. It returns an observation for each snapshot, in order, as if made
// for that one alone.
func (ob *Observer) ObserveEach(ctx context.Context, declared [][]binding.Declaration, targets []binding.SecretTargets, records []binding.Record, depth binding.Depth) []binding.Observation {
	l := newObservation(ob, slices.Concat(declared...), records)
	tokens := make([]map[string]*tokenObservation, len(declared))
	if depth == binding.DepthOffline {
		l.seen.Unknown = &binding.Unknown{Reason: binding.Offline, Message: message.New("unknown.offline")}
	} else {
		l.goSafely(func() { l.registry(ctx) })
	}
	for n := range declared {
		tokens[n] = l.tokens(ctx, declared[n], targets[n], depth)
	}
	l.wait.Wait()
	if depth == binding.DepthPreflight {
		ob.memory.retain(slices.Concat(declared...))
	}
	observations := make([]binding.Observation, len(declared))
	for n := range declared {
		observations[n] = l.result(declared[n], tokens[n])
	}
	return observations
}

// tokens observes the tokens of declarations, by name, each of them only once.
func (l *observation) tokens(ctx context.Context, declared []binding.Declaration, targets binding.SecretTargets, depth binding.Depth) map[string]*tokenObservation {
	own := map[string]*tokenObservation{}
	for _, d := range declared {
		if depth == binding.DepthOffline {
			own[d.Name] = newTokenObservation(d)
			continue
		}
		moves := func(host string) bool { return targets.Move(d, host).Refused(l.o.AllowAddressChangeWithSecret) }
		key := binding.DigestOf(d.Name, d.Spec, moves(""))
		if l.tokenObservations[key] == nil {
			t := newTokenObservation(d)
			l.tokenObservations[key] = t
			l.goSafely(func() { l.declaration(ctx, d, depth, moves, t) })
		}
		own[d.Name] = l.tokenObservations[key]
	}
	return own
}

// observation is an observation in progress.
type observation struct {
	*Observer
	records    []binding.Record
	wait       sync.WaitGroup
	semaphores map[string]chan struct{}
	// tokenObservations are the observations of tokens, by what is asked.
	tokenObservations map[string]*tokenObservation
	// toCreate are the image repositories to create if they do not exist.
	toCreate map[string]bool
	count    sync.Once

	mu   sync.Mutex
	seen binding.Observation
}

// tokenObservation is what was seen of one declaration's token and projects. It is
// read after the observation has ended.
type tokenObservation struct {
	// asked is false if there is nothing to report about a token.
	asked    bool
	state    binding.TokenState
	projects map[string]binding.ProjectState
}

// unasked is the answer before anything was asked.
func unasked() *binding.Unknown {
	return &binding.Unknown{Reason: binding.NotAsked, Message: message.New("unknown.not-asked")}
}

// newTokenObservation begins with everything unknown, as newObservation does.
func newTokenObservation(d binding.Declaration) *tokenObservation {
	return &tokenObservation{asked: d.Spec.Token != nil, state: binding.TokenState{Unknown: unasked()}}
}

// Peers that are not platforms.
const (
	peerRegistry = "registry"
	peerSecrets  = "secrets"
)

// newObservation begins with everything unknown, so that an unanswered question is
// never taken for an absence.
func newObservation(ob *Observer, declared []binding.Declaration, records []binding.Record) *observation {
	l := &observation{
		Observer: ob, records: records, semaphores: map[string]chan struct{}{}, tokenObservations: map[string]*tokenObservation{}, toCreate: toCreate(declared),
		seen: binding.Observation{
			Instance:     ob.o.Instance,
			Accounts:     map[binding.Platform]binding.AccountState{},
			Repositories: map[string]binding.RepositoryState{},
		},
	}
	for _, p := range platforms(declared, records) {
		l.seen.Accounts[p] = binding.AccountState{Unknown: unasked()}
	}
	for _, image := range images(declared, records) {
		l.seen.Repositories[image] = binding.RepositoryState{Unknown: unasked()}
	}
	for _, peer := range []string{peerRegistry, peerSecrets} {
		l.semaphores[peer] = make(chan struct{}, ob.o.Parallel)
	}
	for _, p := range binding.AllPlatforms() {
		l.semaphores[string(p)] = make(chan struct{}, ob.o.Parallel)
	}
	return l
}

// result returns the observation of one snapshot, with what was seen of its
// declarations' tokens.
func (l *observation) result(declared []binding.Declaration, tokens map[string]*tokenObservation) binding.Observation {
	o := l.seen
	o.Accounts, o.Repositories = map[binding.Platform]binding.AccountState{}, map[string]binding.RepositoryState{}
	if o.Unknown == nil {
		for _, p := range platforms(declared, l.records) {
			o.Accounts[p] = l.seen.Accounts[p]
		}
		for _, image := range images(declared, l.records) {
			o.Repositories[image] = l.seen.Repositories[image]
		}
	}
	if o.Unknown != nil || !mustCreate(declared, o.Repositories) {
		o.Usage = nil
	}
	o.Tokens, o.Projects = map[string]binding.TokenState{}, map[string]map[string]binding.ProjectState{}
	for name, t := range tokens {
		if t.asked {
			o.Tokens[name] = t.state
		}
		if t.projects != nil {
			o.Projects[name] = t.projects
		}
	}
	return o
}

// goSafely runs f in a goroutine. A panic in it makes the instance unknown instead of
// ending the process.
func (l *observation) goSafely(f func()) {
	l.wait.Go(func() {
		defer func() {
			if v := recover(); v != nil {
				l.note(func(o *binding.Observation) { o.Unknown = unknown(binding.BugOf(v)) })
			}
		}()
		f()
	})
}

func (l *observation) note(write func(*binding.Observation)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	write(&l.seen)
}

// ask makes one call to a peer, within the limits of time and of calls in
// flight. Each peer has its own limit, so that a slow one does not delay the
// others.
func (l *observation) ask(ctx context.Context, peer string, call func(context.Context) error) error {
	select {
	case l.semaphores[peer] <- struct{}{}:
		defer func() { <-l.semaphores[peer] }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.CallTimeout)
	defer cancel()
	l.o.Moved()
	defer l.o.Moved()
	return call(ctx)
}

// asked is ask for a call that returns a value.
func asked[T any](ctx context.Context, l *observation, peer string, call func(context.Context) (T, error)) (value T, err error) {
	err = l.ask(ctx, peer, func(ctx context.Context) (err error) {
		value, err = call(ctx)
		return err
	})
	return value, err
}

// registry asks for capabilities, and then for everything that they allow.
func (l *observation) registry(ctx context.Context) {
	can, err := asked(ctx, l, peerRegistry, l.o.Registry.Capabilities)
	l.note(func(o *binding.Observation) { o.Capabilities = can })
	if err != nil {
		l.note(func(o *binding.Observation) { o.Unknown = unknown(err) })
		return
	}
	var (
		accounts     []binding.Platform
		repositories []string
	)
	l.note(func(o *binding.Observation) {
		accounts, repositories = slices.Sorted(maps.Keys(o.Accounts)), slices.Sorted(maps.Keys(o.Repositories))
	})
	for _, p := range accounts {
		l.goSafely(func() { l.account(ctx, p, can) })
	}
	for _, image := range repositories {
		l.goSafely(func() { l.repository(ctx, image, can) })
	}
}

func (l *observation) account(ctx context.Context, p binding.Platform, can binding.Capabilities) {
	if !can.ListAccounts {
		l.note(func(o *binding.Observation) {
			o.Accounts[p] = binding.AccountState{Unknown: incapable(can, "listAccounts")}
		})
		return
	}
	account, err := asked(ctx, l, peerRegistry, func(ctx context.Context) (*binding.Account, error) { return l.o.Registry.Account(ctx, p) })
	l.note(func(o *binding.Observation) {
		o.Accounts[p] = binding.AccountState{Account: account}
		if err != nil {
			o.Accounts[p] = binding.AccountState{Unknown: unknown(err)}
			stopInstance(o, err)
		}
	})
}

// usage counts what the instance has. If counting is not allowed, the rest can still be
// read.
func (l *observation) usage(ctx context.Context) {
	used, err := asked(ctx, l, peerRegistry, l.o.Registry.Usage)
	if err != nil {
		used = binding.Usage{Unknown: unknown(err)}
	}
	l.note(func(o *binding.Observation) { o.Usage = &used })
}

func (l *observation) repository(ctx context.Context, image string, can binding.Capabilities) {
	if !can.ReadRepositories {
		l.note(func(o *binding.Observation) {
			o.Repositories[image] = binding.RepositoryState{Unknown: incapable(can, "readRepositories")}
		})
		return
	}
	state, err := asked(ctx, l, peerRegistry, func(ctx context.Context) (binding.RepositoryState, error) { return l.o.Registry.Repository(ctx, image) })
	if !can.ReadSources {
		state.SourceUnknown = incapable(can, "readSources")
	}
	if !can.ReadRules {
		state.RulesUnknown = incapable(can, "readRules")
	}
	l.note(func(o *binding.Observation) {
		o.Repositories[image] = state
		if err != nil {
			o.Repositories[image] = binding.RepositoryState{Unknown: unknown(err)}
			stopInstance(o, err)
		}
	})
	if err == nil && !state.Exists && l.o.CountsUsage && l.toCreate[image] && can.CreateRepositories {
		l.count.Do(func() { l.usage(ctx) })
	}
}

func stopInstance(o *binding.Observation, err error) {
	if binding.KindOf(err) == binding.InstanceStop {
		o.Unknown = unknown(err)
	}
}

// unknown turns an error into the reason why a question has no answer.
func unknown(err error) *binding.Unknown {
	reason := string(binding.KindOf(err))
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason = "Timeout"
	case errors.Is(err, context.Canceled):
		reason = binding.Interrupted
	case errors.Is(err, binding.ErrBug):
		reason = "Fault"
	}
	return &binding.Unknown{Reason: reason, Message: message.FromError(err), Fault: binding.FaultOf(err)}
}

func incapable(can binding.Capabilities, capability string) *binding.Unknown {
	return &binding.Unknown{Reason: binding.NotCapable, Message: message.New("unknown.not-capable", "why", can.Reasons[capability])}
}
