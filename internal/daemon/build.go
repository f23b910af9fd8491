package daemon

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/metrics"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/source"
	"reconciler/internal/state"
)

// Options are what an Engine is built from.
type Options struct {
	Config config.Config
	// LogTo takes the log lines; nil discards them.
	LogTo io.Writer
	// Redactor learns every secret that is read, so that a caller can pass what
	// it prints of errors through it; nil makes one.
	Redactor *secrets.Redactor
	// ReadOnly builds for a plan: the state file is read and never written,
	// and need not exist. Without state, what is bound already counts as not
	// ours.
	ReadOnly bool
	// Snapshot, with ReadOnly, is looked at in place of registries, secret store,
	// code hosts and state, of which nothing is built: the engine can plan, and
	// nothing else.
	Snapshot *report.Snapshot
	// Events is told what the reconcilers do, one event of an instance at a
	// time; may be nil.
	Events func(reconcile.Event)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// After is how loops wait by that clock; nil waits by the machine's.
	After reconcile.After
	// Dial and RootCAs send connections to code hosts elsewhere and trust
	// their certificates. Only the demo and tests set them.
	Dial    map[string]string
	RootCAs *x509.CertPool
	// hostPace is how often a second a code host is asked with one token; 0 is
	// the guarded client's default. Only tests set it.
	hostPace float64
	// called counts a call to the outside world; nil where nobody counts.
	called func(metrics.Call)
	// moved is called when a request to the git server is over; nil as calls.
	moved func()
	// pushPauses are the pauses between the looks for a pushed commit; nil is
	// what pushPauses gives. Only tests set it.
	pushPauses []time.Duration
}

// Engine is the parts that live as long as the process, and the generation
// that was built of the present configuration. Plans and runs use it from one
// goroutine at a time; Statuses, Ready, Alive, Memory, Attest and Sync are safe
// for concurrent use, also while the generation is exchanged.
type Engine struct {
	*longLived
	// current is never nil once Build returned.
	current atomic.Pointer[generation]
	// exchanging is held for reading by what writes through a generation, so
	// that this is not exchanged meanwhile.
	exchanging sync.RWMutex
}

// longLived are the parts that a new configuration does not exchange. What
// configures them cannot change without a restart.
type longLived struct {
	// outside is what the caller gave of the outside world; its Config is the
	// one of the start.
	outside  Options
	log      *slog.Logger
	level    slog.LevelVar
	redactor *secrets.Redactor
	now      func() time.Time
	store    *state.Store
	cache    *manifest.Cache
	metrics  *metrics.Metrics
	webhooks *webhooks
	told     func(reconcile.Event)
	// happened is what happened lately.
	happened *eventLog
	closers  []func() error
	// foreign says that what was applied is a running daemon's word.
	foreign bool
	// configured tells whether the configuration that was read last is in force.
	configured atomic.Pointer[binding.Condition]
	// since is when the configuration in force was taken.
	since atomic.Pointer[time.Time]
	// observed says that every instance was observed in full once.
	observed atomic.Bool
}

// generation are the parts that are built of one configuration and go with it.
type generation struct {
	*longLived
	config    config.Config
	source    source.Source
	instances []*instance
	trial     trial
	follower  *follower
	// looks asks the follower to look at the source at once; unfollowed is
	// closed when it does so no more.
	looks chan look
	// loaded is the snapshot handed on last; nil before the first.
	loaded     atomic.Pointer[Loaded]
	unfollowed chan struct{}
	// followed is when the follower last moved; nil before it runs.
	followed atomic.Pointer[time.Time]
	// vault is nil where no secret store is configured.
	vault *vault.Client
	// takeWebhooks makes the configured senders hold; nil until they are read.
	takeWebhooks func()
	// release lets go of what the generation alone holds.
	release []func() error
}

// instance is one registry instance and what keeps it as declared.
type instance struct {
	name       string
	reconciler *reconcile.Reconciler
	// missing is what has not been observed yet; empty once all was.
	missing atomic.Pointer[string]
	// loop is what keeps it as declared; it runs where a daemon does.
	loop *reconcile.Loop
	// published is what was told of it last; nil before it first was.
	published atomic.Pointer[report.SnapshotInstance]
}

// Build makes an Engine. It makes no call to the outside world but to Vault's
// login when that is first needed. What was opened is closed again when a
// later part fails.
func Build(ctx context.Context, opts Options) (_ *Engine, err error) {
	if opts.LogTo == nil {
		opts.LogTo = io.Discard
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Redactor == nil {
		opts.Redactor = secrets.NewRedactor(opts.Now)
	}
	if opts.pushPauses == nil {
		opts.pushPauses = pushPauses()
	}
	e := &Engine{longLived: &longLived{
		outside: opts, now: opts.Now, cache: manifest.NewCache(), told: opts.Events, happened: newEventLog(opts.Now()), redactor: opts.Redactor,
	}}
	e.level.Set(logLevel(opts.Config.Log))
	e.log = newLog(opts.LogTo, opts.Config.Log.Format, &e.level, opts.Redactor)
	e.metrics = metrics.New(e.sources())
	e.taken()
	e.webhooks = newWebhooks(e.longLived)
	defer func() {
		if err != nil {
			e.letGo(&e.closers)
		}
	}()
	if err := e.openState(ctx, opts); err != nil {
		return nil, err
	}
	g, err := e.generate(opts.Config)
	if err != nil {
		return nil, err
	}
	e.current.Store(g)
	return e, nil
}

// present is the generation of the present configuration. A method that needs
// it twice asks once, so that it does not see two.
func (e *Engine) present() *generation { return e.current.Load() }

// hold gives the present generation and keeps it from being exchanged until
// done is called. Whatever writes through a generation from beside its loops
// holds it.
func (e *Engine) hold() (g *generation, done func()) {
	e.exchanging.RLock()
	return e.present(), e.exchanging.RUnlock
}

// generate builds all that goes with a configuration. Nothing of it runs yet,
// and no call is made.
func (l *longLived) generate(config config.Config) (_ *generation, err error) {
	g := &generation{longLived: l, config: config, looks: make(chan look), unfollowed: make(chan struct{})}
	defer func() {
		if err != nil {
			g.close()
		}
	}()
	opts := l.outside
	opts.Config, opts.called, opts.moved = config, l.metrics.Called, g.follows
	if g.source, err = buildSource(opts); err != nil {
		return nil, err
	}
	g.release = append(g.release, g.source.Close)
	if opts.Snapshot != nil {
		g.instances = l.recorded(config, *opts.Snapshot)
		return g, nil
	}
	out := newOutside(opts, l.redactor)
	if g.vault = out.vault(); g.vault != nil {
		g.release = append(g.release, func() error { return closeVault(g.vault, config.Server.ForAnswers()) })
	}
	if err := out.err(); err != nil {
		return nil, err
	}
	key, err := l.fingerprintKey()
	if err != nil {
		return nil, err
	}
	for _, cfg := range config.Instances {
		driver, err := buildDriver(cfg, l.redactor, l.metrics.Called)
		if err != nil {
			return nil, err
		}
		i := &instance{name: cfg.Name}
		i.missing.Store(new("not observed yet"))
		o := reconcile.Options{
			Instance: plan.Instance{Name: cfg.Name, Region: cfg.Region}, Registry: driver, Hosts: out.hosts, Sites: out.sites,
			Tokens: out.tokens, Store: l.store, Key: key, Policy: config.PlanPolicy(), Windows: config.WindowsOf(cfg),
			HostMemory: config.Sync.DriftInterval, Grace: config.Server.ForCalls(), Events: g.event, Now: l.now,
		}
		if opts.ReadOnly {
			o = onlyLooking(o)
		}
		i.reconciler = reconcile.New(o)
		i.loop = reconcile.NewLoop(i.reconciler, reconcile.LoopOptions{
			DriftInterval: config.Sync.DriftInterval, Jitter: config.Sync.Vary, After: opts.After,
		})
		g.instances = append(g.instances, i)
	}
	g.follower = &follower{generation: g}
	return g, nil
}

// onlyLooking leaves a reconciler nothing to write with: what is left of the
// registry is an observer's Reader, which has no method that writes.
func onlyLooking(o reconcile.Options) reconcile.Options {
	o.Observer = reconcile.NewObserver(reconcile.ObserverOptions{
		Instance: o.Instance, Registry: o.Registry, Hosts: o.Hosts, Sites: o.Sites, Tokens: o.Tokens, Key: o.Key,
		HostMemory: o.HostMemory, Now: o.Now, AllowAddressChangeWithSecret: o.Policy.AllowAddressChangeWithSecret,
	})
	o.Registry, o.Hosts, o.Sites, o.Tokens = nil, nil, nil, nil
	return o
}

// Close lets go of the generation and of the state file.
func (e *Engine) Close() {
	e.present().close()
	e.letGo(&e.closers)
}

// close lets go of what the generation alone holds.
func (g *generation) close() { g.letGo(&g.release) }

// letGo closes what is listed, once.
func (l *longLived) letGo(closers *[]func() error) {
	var errs []error
	for _, c := range *closers {
		errs = append(errs, c())
	}
	*closers = nil
	if err := errors.Join(errs...); err != nil {
		l.log.Error("close", "err", err)
	}
}

// Statuses are the bindings of all instances as they stand. What foreign
// answers put into their texts went through the redactor.
func (e *Engine) Statuses() []binding.Status {
	var all []binding.Status
	for _, i := range e.present().instances {
		all = append(all, i.reconciler.Statuses()...)
	}
	for i := range all {
		all[i] = e.redacted(all[i])
	}
	return all
}

// redacted is a status, which is the caller's own, without the secrets that
// foreign answers put into its texts.
func (l *longLived) redacted(s binding.Status) binding.Status {
	for i := range s.Conditions {
		s.Conditions[i].Message = l.redactor.Redact(s.Conditions[i].Message)
	}
	for i := range s.Steps {
		s.Steps[i] = l.redactor.Redact(s.Steps[i])
	}
	for i := range s.Waiting {
		l.redactWaiting(&s.Waiting[i])
	}
	return s
}

// redactWaiting takes secrets out of the texts of a person's step.
func (l *longLived) redactWaiting(w *binding.Waiting) {
	w.Reason = l.redactor.Redact(w.Reason)
	w.Steps = slices.Clone(w.Steps) // The plan's own.
	for i := range w.Steps {
		w.Steps[i] = l.redactor.Redact(w.Steps[i])
	}
}

// Memory is what is remembered of an instance.
func (e *Engine) Memory(name string) (client.Memory, error) {
	ctx := context.Background()
	records, errRecords := e.store.Records(ctx, name)
	intents, errIntents := e.store.Intents(ctx, name)
	efforts, errEfforts := e.store.Efforts(ctx, name)
	suspensions, errSuspensions := e.store.Suspensions(ctx, name)
	revision, errRevision := e.store.Revision(ctx, e.present().config.SourceKey())
	return client.Memory{Records: records, Intents: intents, Efforts: efforts, Suspensions: suspensions, Revision: revision},
		errors.Join(errRecords, errIntents, errEfforts, errSuspensions, errRevision)
}

// Log is the engine's logger, behind the redactor.
func (e *Engine) Log() *slog.Logger { return e.log }

// fingerprintKey is the key of the state file; nil for a daemon's word, whose
// fingerprints were made with another.
func (l *longLived) fingerprintKey() ([]byte, error) {
	if l.foreign {
		return nil, nil
	}
	key, err := l.store.Key()
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return key, nil
}

// closeVault signs out, so that short runs leave no leases behind.
func closeVault(client *vault.Client, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return client.Close(ctx)
}
