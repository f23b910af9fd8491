// Package daemon is the process: it reads the configuration, builds what that
// names, and wires source, manifest, reconcilers and server together.
package daemon

import (
	"context"
	"sync"
)

// Run follows the source and keeps every instance as declared until ctx ends;
// then calls in flight end, the state is written, and it returns nil, within
// the grace period. Meanwhile a changed configuration is taken as reload says.
// The error is for what keeps it from starting.
func Run(ctx context.Context, e *Engine, reload Reload) error {
	listening, err := e.listen(ctx)
	if err != nil {
		return err
	}
	listening.serve()
	g := e.present()
	e.log.Info("started", "instances", len(g.instances), "source", g.config.SourceKey(), "listen", listening.server.Address(),
		"socket", g.config.Server.Socket, "api", listening.server.APIAddress(), "webhooks", listening.webhookAddress())
	(&reloader{Engine: e, reload: reload}).run(ctx)
	if err := listening.close(ctx, e.present().config.Server.ForAnswers()); err != nil {
		return err
	}
	e.log.Info("stopped")
	return nil
}

// start runs the loops of a generation, its follower and its Vault session
// until ctx ends or stop is called, which waits for their end: then their calls
// in flight are over and the outcomes written.
func (g *generation) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	g.metrics.Cover(g.config.InstanceNames())
	for _, i := range g.instances {
		running.Go(func() { _ = i.loop.Run(ctx) }) // It always returns nil.
	}
	if g.vault != nil {
		running.Go(func() { _ = g.vault.Run(ctx) }) // It always returns nil.
	}
	running.Go(func() { g.follower.run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}
