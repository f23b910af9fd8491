package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/registry"
	"reconciler/internal/registry/enterprise"
	calls "reconciler/internal/registry/line"
	"reconciler/internal/registry/personal"
	"reconciler/internal/secrets"
	"reconciler/internal/source"
)

// process is the product as it runs from a start to an end or a kill.
type process struct {
	w       *world
	lines   *lines
	clients *engine.Clients
	// checks reads declarations with what is remembered; nothing else of it runs.
	checks *engine.Engine
	store  *store
	// instances are by name.
	instances map[string]*running
	metrics   *metrics.Metrics
	killed    atomic.Bool
	cancel    context.CancelFunc
	group     sync.WaitGroup
}

// running is one instance of a process.
type running struct {
	*reconcile.Reconciler
	loop *reconcile.Loop
}

// start starts a process on the world's disk.
func (w *world) start() { w.startAfter(nil) }

// startAfter starts a process; after another one, if that is not nil, as a changed
// configuration replaces it.
func (w *world) startAfter(before *process) {
	p := &process{w: w, lines: &lines{network: w.network, conns: map[net.Conn]bool{}}, instances: map[string]*running{}}
	p.store = &store{Store: w.disk, p: p}
	o := engine.Options{
		Config: w.config, Now: w.now, Redactor: secrets.NewRedactor(w.now), RootCAs: w.outside.RootCAs, HostPace: 1000,
		Dial: map[string]string{gitlab + ":80": w.outside.GitLabHTTP}, DialContext: p.lines.dial,
	}
	p.clients = engine.NewClients(o)
	if err := p.clients.Err(); err != nil {
		w.t.Fatal(err)
	}
	var err error
	o.Memory, o.Source, o.Cache, o.ReadOnly = &engine.Memory{Store: w.disk}, noSource{}, w.cache, true
	if p.checks, err = engine.New(context.Background(), o); err != nil {
		w.t.Fatal(err)
	}
	p.metrics = metrics.New(metrics.Sources{
		Now: w.now, Statuses: p.statuses, Loops: func() map[string]reconcile.LoopState { return nil },
		Windows: func() map[string]plan.WindowState { return nil }, JournalDamaged: func() bool { return false },
		Findings: func() map[metrics.FindingLabels]int { return nil }, Parts: func() map[metrics.Part]bool { return nil },
		Vault: func() *metrics.VaultLogin { return nil },
	})
	var ctx context.Context
	ctx, p.cancel = context.WithCancel(context.Background())
	for n, c := range w.config.Instances {
		r := p.reconciler(n)
		if before != nil {
			r.Inherit(before.instances[c.Name].Reconciler, true)
		}
		jitter := rand.New(rand.NewPCG(w.seed, uint64(n)))
		i := &running{r, reconcile.NewLoop(r, reconcile.LoopOptions{
			DriftInterval: w.config.Sync.DriftInterval,
			Jitter: func(d time.Duration) time.Duration {
				return d - d/10 + time.Duration(jitter.Int64N(int64(d/5)+1))
			},
		})}
		p.instances[c.Name] = i
		p.group.Go(func() { _ = i.loop.Run(ctx) })
	}
	p.group.Go(func() { _ = p.clients.Vault().Run(ctx) })
	w.process = p
	w.oracle.begun()
	w.delivered = ""
	w.follow()
	if before != nil && w.delivered == "" {
		w.submit(w.oracle.last()) // As the daemon's follower does while the source does not answer.
	}
}

func (p *process) reconciler(n int) *reconcile.Reconciler {
	w, c := p.w, p.w.config.Instances[n]
	driver, err := p.driver(c)
	if err != nil {
		w.t.Fatal(err)
	}
	fingerprints, err := w.disk.Key()
	if err != nil {
		w.t.Fatal(err)
	}
	return reconcile.New(reconcile.Options{
		Instance: c.Target(), Registry: driver, Hosts: p.clients.Hosts, Sites: p.clients.Sites, Tokens: p.clients.Tokens,
		Store: p.store, Key: fingerprints, Policy: w.config.PlanPolicy(), Windows: w.config.WindowsOf(c),
		HostMemory: w.config.Sync.DriftInterval, Grace: w.config.Server.ForCalls(), Now: w.now,
		Events: func(e plan.Event) {
			if !p.dead() {
				w.oracle.event(e)
				p.metrics.Count(e)
			}
		},
	})
}

// driver is the driver of an instance.
func (p *process) driver(c config.Instance) (registry.Driver, error) {
	line := calls.Options{
		Instance: c.Name, Region: c.Region, Endpoint: p.w.outside.RegistryURL, RequestsPerSecond: 1000, Burst: 1000,
		DialContext: p.lines.dial,
		Credentials: calls.Credentials{Kind: calls.Static, Static: func(context.Context) (calls.Keys, error) {
			return calls.Keys{AccessKeyID: key(c.Name), AccessKeySecret: secrets.New([]byte("secret-" + c.Name))}, nil
		}},
	}
	if c.Driver == "enterprise" {
		return enterprise.New(enterprise.Options{Line: line, InstanceID: c.InstanceID})
	}
	return personal.New(line)
}

func (p *process) dead() bool { return p.killed.Load() }

// kill ends the process as SIGKILL does: from now on it has no effect.
func (p *process) kill() {
	p.killed.Store(true)
	p.lines.hangUp()
	p.cancel()
}

// stop ends the process as SIGTERM does, and waits for its end.
func (p *process) stop() {
	p.cancel()
	p.group.Wait()
	p.killed.Store(true)
	p.lines.hangUp()
}

// statuses are what the process reports, by binding.
func (p *process) statuses() []binding.Status {
	var all []binding.Status
	for _, c := range p.w.config.Instances {
		all = append(all, p.instances[c.Name].Statuses()...)
	}
	return all
}

// sync asks for a sync as `reconciler sync` does, and waits for its end.
func (p *process) sync(instance, name string) (reconcile.Synced, error) {
	done := make(chan reconcile.Synced, 1)
	p.instances[instance].loop.RequestSync(reconcile.Request{Binding: name, Done: func(s reconcile.Synced) { done <- s }})
	select {
	case s := <-done:
		return s, s.Err
	case <-time.After(time.Hour):
		return reconcile.Synced{}, errors.New("the sync does not end")
	}
}

// noSource is what a process's checks read from: the world gives them snapshots.
type noSource struct{}

// Snapshot implements source.Source.
func (noSource) Snapshot(context.Context, string) (source.Snapshot, bool, error) {
	return source.Snapshot{}, false, errors.New("the world gives the snapshots")
}

// Close implements source.Source.
func (noSource) Close() error { return nil }

func key(instance string) string { return fmt.Sprintf("key-%s", instance) }
