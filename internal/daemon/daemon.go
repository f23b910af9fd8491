// Package daemon is the process: it reads the configuration, builds what that
// names, and wires source, manifest, reconcilers and server together.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"reconciler/internal/reconcile"
	"reconciler/internal/server"
)

// closeTimeout bounds the end of answers in flight at shutdown.
const closeTimeout = 5 * time.Second

// Run follows the source and keeps every instance as declared until ctx ends;
// then calls in flight end, the state is written, and it returns nil. The
// error is for what keeps it from starting.
func Run(ctx context.Context, e *Engine) error {
	g := e.present()
	srv, err := server.Listen(ctx, server.Options{
		Listen: g.config.Server.Listen, Socket: g.config.Server.Socket, State: e, Attester: e, Syncer: e, Suspender: e,
		Metrics: e.metrics.registry, Log: e.log,
	})
	if err != nil {
		return err
	}
	srv.Serve()
	e.log.Info("started", "instances", len(g.instances), "source", g.config.sourceKey(), "listen", srv.Address(), "socket", g.config.Server.Socket)
	ended := g.start(ctx)
	<-ended
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := srv.Close(closing); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("daemon: %w", err)
	}
	e.log.Info("stopped")
	return nil
}

// start runs the loops of a generation, its follower and its Vault session
// until ctx ends. The channel is closed when all have ended: their calls in
// flight are over then, and the outcomes written.
func (g *generation) start(ctx context.Context) <-chan struct{} {
	var running sync.WaitGroup
	f := &follower{generation: g}
	g.metrics.cover(g.config.InstanceNames())
	for _, i := range g.instances {
		loop := reconcile.NewLoop(i.reconciler, reconcile.LoopOptions{
			DriftInterval: g.config.Sync.DriftInterval, Jitter: g.config.Sync.vary,
		})
		f.loops = append(f.loops, loop)
		i.loop.Store(loop)
		running.Go(func() { _ = loop.Run(ctx) }) // It always returns nil.
	}
	if g.vault != nil {
		running.Go(func() { _ = g.vault.Run(ctx) }) // It always returns nil.
	}
	running.Go(func() { f.run(ctx) })
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	return ended
}
