package daemon

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/reconcile"
)

// runner keeps the instances of one engine as declared, with a loop for each
// and a follower of the source. It lives as long as its engine.
type runner struct {
	*Daemon
	engine *engine.Engine
	config *config.Config
	// digest identifies the content that was found valid; empty if the validity
	// also depends on other files.
	digest    string
	instances []*instance
	byName    map[string]*instance
	gate      rewriteGate
	follower  *follower
	// readRequests ask the follower to read the source at once. followerEnded
	// is closed when it has stopped.
	readRequests chan readRequest
	// loaded is the last submitted snapshot; nil before the first.
	loaded        atomic.Pointer[engine.Loaded]
	followerEnded chan struct{}
	// followed is when the follower last made progress; nil before it runs.
	followed atomic.Pointer[time.Time]
	// takeWebhooks switches to the configured senders; nil until they are read.
	takeWebhooks func()
}

// instance is one registry instance with its loop.
type instance struct {
	*engine.Instance
	loop *reconcile.Loop
	// missing is what has not been observed yet; zero once everything was.
	missing atomic.Pointer[message.Message]
}

// newRunner builds an engine and its runner. It starts nothing and sends no
// request.
func newRunner(d *Daemon, cfg config.Config) (*runner, error) {
	r := &runner{Daemon: d, byName: map[string]*instance{}, readRequests: make(chan readRequest), followerEnded: make(chan struct{})}
	o := d.o.Engine
	o.Config, o.Log, o.Memory, o.Cache = cfg, d.log, d.memory, d.cache
	o.Called, o.Events = r.called, r.event
	var err error
	if r.engine, err = engine.New(context.Background(), o); err != nil {
		return nil, err
	}
	r.config = r.engine.Config()
	starts := reconcile.NewSlots()
	for _, of := range r.engine.Instances() {
		i := &instance{Instance: of}
		i.missing.Store(new(message.New("reconcile.unseen")))
		i.loop = reconcile.NewLoop(of.Reconciler, reconcile.LoopOptions{
			DriftInterval: cfg.Sync.DriftInterval, Jitter: cfg.Sync.Jittered, After: d.o.After, Slots: starts,
		})
		r.instances, r.byName[i.Name] = append(r.instances, i), i
	}
	r.follower = &follower{runner: r}
	return r, nil
}

// called counts a call to another system. A call to the git server shows that
// the follower makes progress.
func (r *runner) called(call metrics.Call) {
	if call.To == metrics.Git {
		r.moved()
	}
	r.metrics.Called(call)
}

// start runs the loops, the follower and the session with Vault until ctx ends
// or stop is called. stop waits until the calls in flight have ended and their
// outcomes are written.
func (r *runner) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	r.metrics.SetInstances(r.config.InstanceNames())
	for _, i := range r.instances {
		running.Go(func() { _ = i.loop.Run(ctx) }) // It always returns nil.
	}
	if vault := r.engine.Vault(); vault != nil {
		running.Go(func() { _ = vault.Run(ctx) }) // It always returns nil.
	}
	running.Go(func() { r.follower.run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}
