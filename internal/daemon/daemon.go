package daemon

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/manifest"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/notify"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
	"reconciler/internal/status"
	"reconciler/internal/trace"
)

// Options are what a Daemon is built from.
type Options struct {
	// Engine has the options of every engine. Config is the configuration at the
	// start. The daemon sets Log, Memory, Cache and Called itself.
	Engine engine.Options
	// After is how loops wait; nil uses the machine's clock.
	After reconcile.After
	// pushPauses are the pauses between the reads that look for a pushed
	// commit; nil means those of the function pushPauses. Only tests set it.
	pushPauses []time.Duration
	// messagePause is the pause between messages to a receiver; 0 means the default
	// of notify. Only tests set it.
	messagePause time.Duration
}

// Daemon has the parts that live as long as the process, and the runner of the
// current configuration. Its methods are safe for concurrent use, also while the
// runner is replaced.
type Daemon struct {
	o        Options
	log      *slog.Logger
	level    slog.LevelVar
	redactor *secrets.Redactor
	now      func() time.Time
	memory   *engine.Memory
	cache    *manifest.Cache
	metrics  *metrics.Metrics
	webhooks *webhooks
	// notifier sends messages to people.
	notifier *notify.Notifier
	// parts records which parts answer.
	parts *parts
	// events has the recent events.
	events *eventLog
	// syncs has the last syncs.
	syncs *syncLog
	// configured is the condition ConfigurationCurrent.
	configured atomic.Pointer[binding.Condition]
	// verified is the condition SourceVerified; nil before the source was read.
	verified atomic.Pointer[binding.Condition]
	// since is when the current configuration came into force.
	since atomic.Pointer[time.Time]
	// journalSince is since when the condition JournalIntact has its status.
	journalSince atomic.Pointer[time.Time]
	// observed is true once every instance was observed completely.
	observed atomic.Bool

	// apiAt is the address where the API listens; nil before Run listens.
	apiAt atomic.Pointer[string]
	// current is never nil once New returned.
	current atomic.Pointer[runner]
	// exchanging is locked for reading by code that writes through a runner, so
	// that the runner is not replaced meanwhile.
	exchanging sync.RWMutex
}

// New makes a Daemon with the engine of the first configuration. It opens no
// port and sends no request.
func New(ctx context.Context, o Options) (*Daemon, error) {
	o.Engine.FillDefaults()
	if o.pushPauses == nil {
		o.pushPauses = pushPauses()
	}
	cfg := o.Engine.Config
	d := &Daemon{
		o: o, now: o.Engine.Now, redactor: o.Engine.Redactor, cache: manifest.NewCache(), events: newEventLog(o.Engine.Now()), parts: newParts(), syncs: newSyncLog(),
	}
	d.level.Set(cfg.Log.SlogLevel())
	d.log = engine.NewLog(o.Engine.LogTo, cfg.Log.Format, &d.level, d.redactor)
	d.metrics = metrics.New(d.sources())
	d.webhooks = newWebhooks(d)
	d.setConfigurationInForce()
	err := d.checkFiles(&cfg)
	if err != nil {
		return nil, err
	}
	if d.memory, err = engine.OpenMemory(cfg.State.Path, d.log); err != nil {
		return nil, err
	}
	d.reportJournal()
	if d.notifier, err = newNotifier(ctx, d); err != nil {
		d.closeMemory()
		return nil, err
	}
	r, err := newRunner(d, cfg)
	if err != nil {
		d.closeMemory()
		return nil, err
	}
	d.current.Store(r)
	return d, nil
}

// checkFiles refuses files that other users may write, and logs those that they
// may read.
func (d *Daemon) checkFiles(c *config.Config) error {
	err := c.CheckExposures(func(e config.Exposure) {
		d.log.Warn("other users may read a file", "field", e.Field, "path", e.Path, "problem", report.English().Text(e.Problem))
	})
	if err != nil {
		return message.NewError("daemon.files", "why", err)
	}
	return nil
}

// currentRunner is the runner of the current configuration. A method calls it only
// once, so that it does not see two runners.
func (d *Daemon) currentRunner() *runner { return d.current.Load() }

// hold returns the current runner and prevents its replacement until done is
// called. Code that writes through a runner outside of its loops must call it.
func (d *Daemon) hold() (r *runner, done func()) {
	d.exchanging.RLock()
	return d.currentRunner(), d.exchanging.RUnlock
}

// Close closes the engine and the state file. It may be called twice.
func (d *Daemon) Close() {
	d.currentRunner().engine.Close()
	d.closeMemory()
}

func (d *Daemon) closeMemory() {
	if err := d.memory.Close(); err != nil {
		d.log.Error("close", "err", err)
	}
}

// Run follows the source and keeps every instance as declared until ctx ends.
// Then it waits for calls in flight, writes the state and returns nil, within
// the grace period. While it runs, it reloads a changed configuration as reload
// says. An error means that it could not start.
func (d *Daemon) Run(ctx context.Context, reload Reload) error {
	if first := d.currentRunner(); reload.Path != "" {
		first.digest = first.config.ValidBy(reload.Path, reload.Started)
	}
	listening, err := d.listen(ctx)
	if err != nil {
		return err
	}
	d.apiAt.Store(new(listening.server.APIAddress()))
	listening.serve()
	r := d.currentRunner()
	d.log.Info("started", "instances", len(r.instances), "source", r.config.SourceKey(), "listen", listening.server.Address(),
		"socket", r.config.Server.Socket, "api", listening.server.APIAddress(), "webhooks", listening.webhookAddress())
	d.useReceivers(r)
	sent := d.sendMessages(ctx)
	(&reloader{Daemon: d, reload: reload}).run(ctx)
	sent()
	if err := listening.close(ctx, d.currentRunner().config.Server.ForAnswers()); err != nil {
		return err
	}
	d.log.Info("stopped")
	return nil
}

// APIAddress is where the API listens over TCP; empty before Run listens, and
// without an API over TCP.
func (d *Daemon) APIAddress() string {
	if address := d.apiAt.Load(); address != nil {
		return *address
	}
	return ""
}

// Trace exports traces if the environment asks for it. done exports the rest.
func (d *Daemon) Trace(ctx context.Context, version string) (done func(), err error) {
	shut, err := trace.Setup(ctx, version, func(err error) { d.log.Warn("cannot export traces", "err", err) })
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.currentRunner().config.Server.ForAnswers())
		defer cancel()
		_ = shut(ctx) // The error handler logs it.
	}, err
}

// Statuses returns the current statuses of all bindings.
func (d *Daemon) Statuses() []binding.Status {
	r := d.currentRunner()
	synced := func(yield func(binding.Status) bool) { slices.Values(r.engine.Statuses())(yield) }
	return slices.Collect(r.withUnsynced(synced))
}

// EachStatus is like Statuses, but yields them one by one. Callers must not change what
// they point to.
func (d *Daemon) EachStatus() iter.Seq[binding.Status] {
	r := d.currentRunner()
	return r.withUnsynced(r.engine.EachStatus())
}

// withUnsynced yields the bindings with a sync, and then the declared ones without one.
// The first sync may take long if its registry does not answer, and it may end while
// this iterates.
func (r *runner) withUnsynced(synced iter.Seq[binding.Status]) iter.Seq[binding.Status] {
	type id struct{ instance, name string }
	return func(yield func(binding.Status) bool) {
		unsynced := r.unsynced()
		unlisted := make(map[id]bool, len(unsynced))
		for _, d := range unsynced {
			unlisted[id{d.Spec.Instance, d.Name}] = true
		}
		for s := range synced {
			delete(unlisted, id{s.Spec.Instance, s.Name})
			if !yield(s) {
				return
			}
		}
		for _, d := range unsynced {
			if unlisted[id{d.Spec.Instance, d.Name}] && !yield(status.Unsynced(*d)) {
				return
			}
		}
	}
}

// unsynced returns the declared bindings that no sync has reported on yet.
func (r *runner) unsynced() (all []*binding.Declaration) {
	loaded := r.loaded.Load()
	if loaded == nil {
		return nil
	}
	for n := range loaded.Desired.Declarations {
		d := &loaded.Desired.Declarations[n]
		if i := r.byName[d.Spec.Instance]; i != nil && !i.Known(d.Name) {
			all = append(all, d)
		}
	}
	return all
}

// Memory is what is remembered of an instance.
func (d *Daemon) Memory(name string) (client.Memory, error) {
	return d.currentRunner().engine.Memory(name)
}
