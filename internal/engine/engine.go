package engine

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/metrics"
	"reconciler/internal/notify"
	"reconciler/internal/observe"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/source"
)

// Options are what an Engine is built from.
type Options struct {
	Config config.Config
	// LogTo receives the log lines, in the configured format; nil discards them.
	// Log replaces it if the caller has a logger.
	LogTo io.Writer
	Log   *slog.Logger
	// Redactor learns every secret that is read, so that a caller can mask
	// secrets in the errors that it prints; nil makes one.
	Redactor *secrets.Redactor
	// Memory is the memory to use, which stays open when the engine closes; nil
	// opens the one that Config names.
	Memory *Memory
	// Cache has the files that were checked before; nil makes one.
	Cache *manifest.Cache
	// Source replaces the configured source; the engine closes it. Only tests set
	// it.
	Source source.Source
	// Who is the person who applies, for the history; zero if the daemon
	// applies a commit.
	Who binding.Person
	// ReadOnly builds for a plan: the state file is read and never written,
	// and need not exist. Without state, what is bound already counts as not
	// ours.
	ReadOnly bool
	// Published, with ReadOnly, replaces registries, secret store, code hosts and
	// state. No clients are built for them, and the engine can only plan.
	Published *report.Published
	// AnyInstance accepts declarations of instances that Config does not have.
	AnyInstance bool
	// Events receives the events of the reconcilers, one at a time for each
	// instance; may be nil.
	Events func(plan.Event)
	// Called receives each call to another system; nil if nobody counts them.
	Called func(metrics.Call)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Dial redirects connections to code hosts, and RootCAs are the roots to
	// trust. Only the demo and tests set them.
	Dial    map[string]string
	RootCAs *x509.CertPool
	// DialContext opens connections to code hosts and Vault; nil uses the network. Only tests
	// set it.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// HostPace is how many requests per second one token may send to a code
	// host; 0 is the guarded client's default. Only tests set it.
	HostPace float64
}

// Engine is everything that was built from one configuration. Plans and runs use
// it from one goroutine at a time; Statuses, Memory and Attest are safe for
// concurrent use.
type Engine struct {
	o         Options
	source    source.Source
	memory    *Memory
	instances []*Instance
	// vault is nil if no secret store is configured.
	vault *vault.Client
	// rules and receivers are for notifications.
	rules     notify.Rules
	receivers []notify.Receiver
	// closers release what only the engine uses.
	closers []func() error
}

// Instance is one registry instance of the configuration.
type Instance struct {
	Name string
	*reconcile.Reconciler
}

// New makes an Engine. It sends no request; Vault's login happens when it is
// first needed. If a part cannot be made, New closes what it opened.
func New(ctx context.Context, o Options) (_ *Engine, err error) {
	o.FillDefaults()
	e := &Engine{o: o, memory: o.Memory}
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if e.memory == nil {
		if e.memory, err = openMemory(ctx, o); err != nil {
			return nil, err
		}
		e.closers = append(e.closers, e.memory.Close)
	}
	if e.source = o.Source; e.source == nil {
		if e.source, err = NewSource(o, e.memory); err != nil {
			return nil, err
		}
	}
	e.closers = append(e.closers, e.source.Close)
	if o.Published != nil {
		e.instances = e.publishedInstances()
		return e, nil
	}
	clients := NewClients(o)
	if e.vault = clients.Vault(); e.vault != nil {
		e.closers = append(e.closers, clients.Close)
	}
	if err := clients.Err(); err != nil {
		return nil, err
	}
	if e.rules, e.receivers, err = clients.Receivers(); err != nil {
		return nil, err
	}
	for _, c := range o.Config.Instances {
		i, err := e.newInstance(c, clients)
		if err != nil {
			return nil, err
		}
		e.instances = append(e.instances, i)
	}
	return e, nil
}

// FillDefaults sets what nil stands for.
func (o *Options) FillDefaults() {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Redactor == nil {
		o.Redactor = secrets.NewRedactor(o.Now)
	}
	o.LogTo = cmp.Or(o.LogTo, io.Discard)
	if o.Log == nil {
		o.Log = NewLog(o.LogTo, o.Config.Log.Format, o.Config.Log.SlogLevel(), o.Redactor)
	}
	o.Cache = cmp.Or(o.Cache, manifest.NewCache())
}

// newInstance makes the reconciler of one instance. In a read-only engine it
// cannot write: its registry is only an observer's Reader, which has no method
// that writes.
func (e *Engine) newInstance(c config.Instance, clients *Clients) (*Instance, error) {
	driver, err := NewDriver(c, e.o.Redactor, e.o.Called)
	if err != nil {
		return nil, err
	}
	all := e.o.Config
	o := reconcile.Options{
		Instance: c.Target(), Store: e.memory.Store, Key: e.memory.key,
		Policy: all.PlanPolicy(), Windows: all.WindowsOf(c), Quotas: c.PlanQuotas(), HostMemory: all.Sync.DriftInterval, Grace: all.Server.ForCalls(),
		Events: e.o.Events, Now: e.o.Now, Who: e.o.Who, Redactor: e.o.Redactor,
	}
	if e.o.ReadOnly {
		options := clients.ObserverOptions(c.Name, driver, e.memory.key)
		options.CountsUsage = o.Quotas != plan.Quotas{}
		o.Observer = observe.New(options)
	} else {
		o.Registry, o.Hosts, o.Sites, o.Tokens = driver, clients.Hosts, clients.Sites, clients.Tokens
	}
	return &Instance{Name: c.Name, Reconciler: reconcile.New(o)}, nil
}

// Close signs out of Vault and closes what the engine opened. It may be called
// twice.
func (e *Engine) Close() {
	var errs []error
	for _, c := range slices.Backward(e.closers) {
		errs = append(errs, c())
	}
	e.closers = nil
	if err := errors.Join(errs...); err != nil {
		e.o.Log.Error("close", "err", err)
	}
}

// Config is the configuration that the engine was built from.
func (e *Engine) Config() *config.Config { return &e.o.Config }

// Receivers returns the receivers of notifications, and the rules for what they get.
func (e *Engine) Receivers() (notify.Rules, []notify.Receiver) { return e.rules, e.receivers }

// Source is the source of declarations.
func (e *Engine) Source() source.Source { return e.source }

// Instances returns the instances in the order of the configuration.
func (e *Engine) Instances() []*Instance { return e.instances }

// Vault is the client of the secret store, whose session the daemon keeps alive;
// nil if none is configured.
func (e *Engine) Vault() *vault.Client { return e.vault }

// Statuses returns the current statuses of all bindings. Secrets in texts from
// other systems are masked.
func (e *Engine) Statuses() []binding.Status {
	var all []binding.Status
	for _, i := range e.instances {
		all = append(all, i.Statuses()...)
	}
	return all
}

// EachStatus is like Statuses, but yields them one by one and does not copy what
// they point to. Callers must not change that.
func (e *Engine) EachStatus() iter.Seq[binding.Status] {
	return func(yield func(binding.Status) bool) {
		var some []binding.Status
		for _, i := range e.instances {
			some = i.AppendStatuses(some[:0])
			if slices.ContainsFunc(some, func(s binding.Status) bool { return !yield(s) }) {
				return
			}
		}
	}
}

// Memory is what is remembered of an instance.
func (e *Engine) Memory(name string) (client.Memory, error) {
	ctx, store := context.Background(), e.memory.Store
	records, errRecords := store.Records(ctx, name)
	intents, errIntents := store.Intents(ctx, name)
	states, errStates := store.RetryStates(ctx, name)
	suspensions, errSuspensions := store.Suspensions(ctx, name)
	revision, errRevision := store.Revision(ctx, e.o.Config.SourceKey())
	since, errSince := e.memory.sinceUsed(ctx, e.o.Config.SourceKey())
	return client.Memory{Records: records, Intents: intents, RetryStates: states, Suspensions: suspensions, Revision: revision, Since: since},
		errors.Join(errRecords, errIntents, errStates, errSuspensions, errRevision, errSince)
}
