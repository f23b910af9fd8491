package daemon

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/manifest"
	"reconciler/internal/plan"
	"reconciler/internal/reconcile"
	"reconciler/internal/secrets"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/server"
	"reconciler/internal/source"
	"reconciler/internal/state"
)

// Options are what an Engine is built from.
type Options struct {
	Config Config
	// LogTo takes the log lines; nil discards them.
	LogTo io.Writer
	// Redactor learns every secret that is read, so that a caller can pass what
	// it prints of errors through it; nil makes one.
	Redactor *secrets.Redactor
	// ReadOnly builds for a plan: the state file is read and never written,
	// and need not exist. Without state, what is bound already counts as not
	// ours.
	ReadOnly bool
	// Events is told what the reconcilers do, one event of an instance at a
	// time; may be nil.
	Events func(reconcile.Event)
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Dial and RootCAs send connections to code hosts elsewhere and trust
	// their certificates. Only the demo and tests set them.
	Dial    map[string]string
	RootCAs *x509.CertPool
	// hostPace is how often a second a code host is asked with one token; 0 is
	// the guarded client's default. Only tests set it.
	hostPace float64
}

// Engine is everything that a configuration names, built and not yet running.
// Its methods are used by one goroutine at a time, but for Statuses, Ready,
// Memory and Attest, which are safe for concurrent use.
type Engine struct {
	config    Config
	log       *slog.Logger
	redactor  *secrets.Redactor
	now       func() time.Time
	source    source.Source
	store     *state.Store
	cache     *manifest.Cache
	instances []*instance
	metrics   *metrics
	told      func(reconcile.Event)
	closers   []func() error
	trial     trial
	// foreign says that what was applied is a running daemon's word.
	foreign bool
	// vault is nil where no secret store is configured.
	vault *vault.Client
}

// instance is one registry instance and what keeps it as declared.
type instance struct {
	name       string
	reconciler *reconcile.Reconciler
	// missing is what has not been observed yet; empty once all was.
	missing atomic.Pointer[string]
	// loop is what keeps it as declared; nil where no daemon runs.
	loop atomic.Pointer[reconcile.Loop]
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
	redactor := opts.Redactor
	if redactor == nil {
		redactor = secrets.NewRedactor(opts.Now)
	}
	e := &Engine{
		config: opts.Config, now: opts.Now, cache: manifest.NewCache(), told: opts.Events,
		log: newLog(opts.LogTo, opts.Config.Log, redactor), redactor: redactor,
	}
	e.metrics = newMetrics(e.Statuses, opts.Now)
	defer func() {
		if err != nil {
			e.Close()
		}
	}()
	if e.source, err = buildSource(opts.Config); err != nil {
		return nil, err
	}
	e.closers = append(e.closers, e.source.Close)
	if err := e.openState(ctx, opts.ReadOnly); err != nil {
		return nil, err
	}
	tokens, err := buildVault(opts.Config, redactor, opts.Now)
	if err != nil {
		return nil, err
	}
	if client, ok := tokens.(*vault.Client); ok {
		e.vault = client
		e.closers = append(e.closers, func() error { return closeVault(client) })
	}
	hosts, err := buildHosts(opts, tokens)
	if err != nil {
		return nil, err
	}
	sites, err := buildSites(opts)
	if err != nil {
		return nil, err
	}
	key, err := e.fingerprintKey()
	if err != nil {
		return nil, err
	}
	for _, cfg := range opts.Config.Instances {
		driver, err := buildDriver(cfg, redactor)
		if err != nil {
			return nil, err
		}
		i := &instance{name: cfg.Name}
		i.missing.Store(new("not observed yet"))
		i.reconciler = reconcile.New(reconcile.Options{
			Instance: plan.Instance{Name: cfg.Name, Region: cfg.Region}, Registry: driver, Hosts: hosts, Sites: sites,
			Tokens: tokens, Store: e.store, Key: key, Policy: policy(opts.Config),
			HostMemory: opts.Config.Sync.DriftInterval, Events: e.event, Now: opts.Now,
		})
		e.instances = append(e.instances, i)
	}
	return e, nil
}

// Close lets go of the source and of the state file.
func (e *Engine) Close() {
	var errs []error
	for _, c := range e.closers {
		errs = append(errs, c())
	}
	e.closers = nil
	if err := errors.Join(errs...); err != nil {
		e.log.Error("close", "err", err)
	}
}

// Statuses are the bindings of all instances as they stand. What foreign
// answers put into their texts went through the redactor.
func (e *Engine) Statuses() []binding.Status {
	var all []binding.Status
	for _, i := range e.instances {
		all = append(all, i.reconciler.Statuses()...)
	}
	for _, s := range all {
		for i := range s.Conditions {
			s.Conditions[i].Message = e.redactor.Redact(s.Conditions[i].Message)
		}
		for i := range s.Steps {
			s.Steps[i] = e.redactor.Redact(s.Steps[i])
		}
	}
	return all
}

// Memory is what is remembered of an instance.
func (e *Engine) Memory(name string) (server.Memory, error) {
	ctx := context.Background()
	records, errRecords := e.store.Records(ctx, name)
	intents, errIntents := e.store.Intents(ctx, name)
	revision, errRevision := e.store.Revision(ctx, e.sourceKey())
	return server.Memory{Records: records, Intents: intents, Revision: revision}, errors.Join(errRecords, errIntents, errRevision)
}

// Log is the engine's logger, behind the redactor.
func (e *Engine) Log() *slog.Logger { return e.log }

// fingerprintKey is the key of the state file; nil for a daemon's word, whose
// fingerprints were made with another.
func (e *Engine) fingerprintKey() ([]byte, error) {
	if e.foreign {
		return nil, nil
	}
	key, err := e.store.Key()
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	return key, nil
}

// closeVault signs out, so that short runs leave no leases behind.
func closeVault(client *vault.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return client.Close(ctx)
}

func policy(c Config) plan.Policy {
	return plan.Policy{
		MaxDeletionPercent: c.Safety.MaxDeletionPercent, MinDeletions: c.Safety.MinDeletions,
		AllowDeletions: c.Safety.AllowDeletions, ExpiryWarnings: c.ExpiryWarnings,
		AllowAddressChangeWithSecret: c.Policy.AllowAddressChangeWithSecret,
	}
}
