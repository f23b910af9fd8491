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
	// Engine are the options of every engine; Config is the configuration of the
	// start. Log, Memory, Cache and Called are the daemon's own.
	Engine engine.Options
	// After is how loops wait by the clock; nil waits by the machine's.
	After reconcile.After
	// pushPauses are the pauses between the looks for a pushed commit; nil is
	// what pushPauses gives. Only tests set it.
	pushPauses []time.Duration
	// messagePause is the pause between messages to a receiver; 0 is that of notify.
	// Only tests set it.
	messagePause time.Duration
}

// Daemon is the parts that live as long as the process, and the runner of the
// present configuration. Its methods are safe for concurrent use, also while the
// runner is exchanged.
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
	// parts are what the daemon needs to answer.
	parts *parts
	// happened is what happened recently.
	happened *eventLog
	// syncs are the last syncs.
	syncs *syncLog
	// configured says whether the configuration that was read last is in force.
	configured atomic.Pointer[binding.Condition]
	// verified says whether the newest commit of the source was taken; nil before
	// the source was read.
	verified atomic.Pointer[binding.Condition]
	// since is when the configuration in force was taken.
	since atomic.Pointer[time.Time]
	// journalSince is when it became known whether the journal is intact.
	journalSince atomic.Pointer[time.Time]
	// observed says that every instance was observed in full once.
	observed atomic.Bool

	// api is where the API listens; nil before Run listens.
	apiAt atomic.Pointer[string]
	// current is never nil once New returned.
	current atomic.Pointer[runner]
	// exchanging is held for reading by what writes through a runner, so that this
	// is not exchanged meanwhile.
	exchanging sync.RWMutex
}

// New makes a Daemon, with the engine of the first configuration. It opens no
// port and calls nobody.
func New(ctx context.Context, o Options) (*Daemon, error) {
	if o.Engine.Now == nil {
		o.Engine.Now = time.Now
	}
	if o.Engine.Redactor == nil {
		o.Engine.Redactor = secrets.NewRedactor(o.Engine.Now)
	}
	if o.pushPauses == nil {
		o.pushPauses = pushPauses()
	}
	cfg := o.Engine.Config
	d := &Daemon{
		o: o, now: o.Engine.Now, redactor: o.Engine.Redactor, cache: manifest.NewCache(), happened: newEventLog(o.Engine.Now()), parts: newParts(), syncs: newSyncLog(),
	}
	d.level.Set(cfg.Log.SlogLevel())
	d.log = engine.NewLog(o.Engine.LogTo, cfg.Log.Format, &d.level, d.redactor)
	d.metrics = metrics.New(d.sources())
	d.webhooks = newWebhooks(d)
	d.taken()
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
		d.log.Warn("a file is open to other users", "field", e.Field, "path", e.Path, "problem", report.English().Text(e.Problem))
	})
	if err != nil {
		return message.NewError("daemon.files", "why", err)
	}
	return nil
}

// present is the runner of the present configuration. A method that needs it
// twice asks once, so that it does not see two.
func (d *Daemon) present() *runner { return d.current.Load() }

// hold gives the present runner and keeps it from being exchanged until done is
// called. Whatever writes through a runner outside of its loops calls it.
func (d *Daemon) hold() (r *runner, done func()) {
	d.exchanging.RLock()
	return d.present(), d.exchanging.RUnlock
}

// Close closes the engine and the state file. It may be called twice.
func (d *Daemon) Close() {
	d.present().engine.Close()
	d.closeMemory()
}

func (d *Daemon) closeMemory() {
	if err := d.memory.Close(); err != nil {
		d.log.Error("close", "err", err)
	}
}

// Run follows the source and keeps every instance as declared until ctx ends;
// then calls in flight end, the state is written, and it returns nil, within
// the grace period. Meanwhile a changed configuration is taken as reload says.
// The error is for what keeps it from starting.
func (d *Daemon) Run(ctx context.Context, reload Reload) error {
	if first := d.present(); reload.Path != "" {
		first.digest = first.config.ValidBy(reload.Path, reload.Started)
	}
	listening, err := d.listen(ctx)
	if err != nil {
		return err
	}
	d.apiAt.Store(new(listening.server.APIAddress()))
	listening.serve()
	r := d.present()
	d.log.Info("started", "instances", len(r.instances), "source", r.config.SourceKey(), "listen", listening.server.Address(),
		"socket", r.config.Server.Socket, "api", listening.server.APIAddress(), "webhooks", listening.webhookAddress())
	d.useReceivers(r)
	sent := d.sendMessages(ctx)
	(&reloader{Daemon: d, reload: reload}).run(ctx)
	sent()
	if err := listening.close(ctx, d.present().config.Server.ForAnswers()); err != nil {
		return err
	}
	d.log.Info("stopped")
	return nil
}

// APIAddress is where the API listens over TCP; empty before Run listens, and where
// it does not.
func (d *Daemon) APIAddress() string {
	if address := d.apiAt.Load(); address != nil {
		return *address
	}
	return ""
}

// Trace exports traces if the environment asks for it; done exports what is left.
func (d *Daemon) Trace(ctx context.Context, version string) (done func(), err error) {
	shut, err := trace.Setup(ctx, version, func(err error) { d.log.Warn("traces are not exported", "err", err) })
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.present().config.Server.ForAnswers())
		defer cancel()
		_ = shut(ctx) // The handler of errors logs it.
	}, err
}

// Statuses are the present statuses of the bindings of all instances.
func (d *Daemon) Statuses() []binding.Status {
	r := d.present()
	synced := func(yield func(binding.Status) bool) { slices.Values(r.engine.Statuses())(yield) }
	return slices.Collect(r.withUnsynced(synced))
}

// EachStatus are Statuses one by one; nobody changes what they point to.
func (d *Daemon) EachStatus() iter.Seq[binding.Status] {
	r := d.present()
	return r.withUnsynced(r.engine.EachStatus())
}

// withUnsynced are the bindings that syncs have reported on, and then the declared ones
// that none has reported on yet. The first sync may take long, because its registry may
// not answer, and it may end while the others are listed.
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

// unsynced are the declared bindings that no sync has reported on yet.
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
func (d *Daemon) Memory(name string) (client.Memory, error) { return d.present().engine.Memory(name) }
