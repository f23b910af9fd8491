// Package daemon is the process: it reads the configuration, builds what that
// names, and wires source, manifest, reconcilers and server together.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"reconciler/internal/reconcile"
	"reconciler/internal/server"
	"reconciler/internal/source/folder"
)

// closeTimeout bounds the end of answers in flight at shutdown.
const closeTimeout = 5 * time.Second

// Run follows the source and keeps every instance as declared until ctx ends;
// then calls in flight end, the state is written, and it returns nil. The
// error is for what keeps it from starting.
func Run(ctx context.Context, e *Engine) error {
	srv, err := server.Listen(ctx, server.Options{
		Listen: e.config.Server.Listen, Socket: e.config.Server.Socket, State: e, Attester: e,
		Metrics: e.metrics.registry, Log: e.log,
	})
	if err != nil {
		return err
	}
	srv.Serve()
	e.log.Info("started", "instances", len(e.instances), "source", e.sourceKey(), "listen", srv.Address(), "socket", e.config.Server.Socket)
	var running sync.WaitGroup
	loops := make([]*reconcile.Loop, 0, len(e.instances))
	for _, i := range e.instances {
		loop := reconcile.NewLoop(i.reconciler, reconcile.LoopOptions{
			DriftInterval: e.config.Sync.DriftInterval, Jitter: e.config.Sync.vary,
		})
		loops = append(loops, loop)
		i.loop.Store(loop)
		running.Go(func() { _ = loop.Run(ctx) }) // It always returns nil.
	}
	if e.vault != nil {
		running.Go(func() { _ = e.vault.Run(ctx) }) // It always returns nil.
	}
	f := &follower{engine: e, loops: loops}
	running.Go(func() { f.run(ctx) })
	running.Wait()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := srv.Close(closing); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("daemon: %w", err)
	}
	e.log.Info("stopped")
	return nil
}

// follower looks at the source and hands every new snapshot to the loops.
type follower struct {
	engine *Engine
	loops  []*reconcile.Loop
	// seen is the revision handed on last; empty before the first.
	seen string
	// unwatched says that it was told already that the folder is not watched.
	unwatched bool
}

// run looks at once, then on the interval, and whenever a watched folder
// changes.
func (f *follower) run(ctx context.Context) {
	var changes <-chan struct{}
	sync := f.engine.config.Sync
	for {
		if changes == nil {
			changes = f.watch(ctx)
		}
		f.look(ctx)
		timer := time.NewTimer(sync.vary(sync.Interval))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case _, watched := <-changes:
			timer.Stop()
			if !watched {
				changes = nil
			}
		}
	}
}

// watch gives a signal for each change of a folder; nil for other sources and
// for a folder that cannot be watched now, on which a receive waits for ever.
func (f *follower) watch(ctx context.Context) <-chan struct{} {
	src, ok := f.engine.source.(*folder.Source)
	if !ok {
		return nil
	}
	changes, err := src.Watch(ctx)
	if err != nil && !f.unwatched {
		f.engine.log.Warn("folder is not watched; the interval still holds", "err", err)
	}
	f.unwatched = err != nil
	return changes
}

// vary changes a pause by up to the configured part either way, so that many
// daemons do not ask one server at the same second.
func (s SyncConfig) vary(pause time.Duration) time.Duration {
	spread := (rand.Float64()*2 - 1) * s.Jitter //nolint:gosec // Jitter is no secret.
	return time.Duration(float64(pause) * (1 + spread))
}

// look reads the source. What cannot be read changes nothing: the last
// snapshot stands. A panic is told, by its type only, and does not end the
// daemon.
func (f *follower) look(ctx context.Context) {
	e := f.engine
	defer func() {
		if v := recover(); v != nil {
			e.metrics.sourceSyncs.WithLabelValues("error").Inc()
			e.log.Error("a fault of this program, please report it; the last snapshot stands",
				"panic", fmt.Sprintf("%T", v), "stack", string(debug.Stack()))
		}
	}()
	loaded, err := f.load(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		e.metrics.sourceSyncs.WithLabelValues("error").Inc()
		e.log.Error("source not read; the last snapshot stands", "err", err)
	case loaded == nil:
		e.metrics.sourceSyncs.WithLabelValues("unchanged").Inc()
	default:
		e.metrics.sourceSyncs.WithLabelValues("changed").Inc()
		f.hand(ctx, *loaded)
	}
}

// load gives the new snapshot, or nil where nothing is new. The source is
// asked against the trusted revision, which is not the one seen last while a
// rewritten history waits for a person.
func (f *follower) load(ctx context.Context) (*Loaded, error) {
	e := f.engine
	trusted, err := e.store.Revision(ctx, e.sourceKey())
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	var loaded Loaded
	if f.seen == "" {
		loaded, err = e.Load(ctx)
		return &loaded, err
	}
	snapshot, unchanged, err := e.source.Snapshot(ctx, trusted)
	switch {
	case err != nil:
		return nil, err
	case unchanged && trusted == f.seen, !unchanged && snapshot.Revision == f.seen:
		return nil, nil
	case unchanged:
		loaded, err = e.Load(ctx)
	default:
		loaded, err = e.check(ctx, snapshot)
	}
	return &loaded, err
}

// hand gives a snapshot to the loops.
func (f *follower) hand(ctx context.Context, loaded Loaded) {
	e, desired := f.engine, loaded.Desired
	f.seen = desired.Revision
	e.log.Info("snapshot", "revision", desired.Revision, "bindings", len(desired.Declarations),
		"broken_files", len(desired.Broken), "rewritten", desired.Rewritten)
	for _, finding := range loaded.Findings {
		e.log.Warn("finding", "code", finding.Code, "severity", finding.Severity, "file", finding.File,
			"line", finding.Line, "column", finding.Column, "message", finding.Message)
	}
	e.trial.begin(desired, e.instances)
	for _, loop := range f.loops {
		loop.Submit(desired)
	}
	if !desired.Rewritten {
		if err := e.trust(ctx, desired.Revision); err != nil {
			e.log.Error("revision not remembered", "err", err)
		}
	}
}
