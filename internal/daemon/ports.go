package daemon

import (
	"context"
	"errors"
	"time"

	"reconciler/internal/message"
	"reconciler/internal/server"
	"reconciler/internal/server/webhook"
)

// ports are the ports that a daemon listens on. They stay open when the runner
// is replaced.
type ports struct {
	server *server.Server
	// webhooks is nil if none are configured.
	webhooks *webhook.Server
}

// listen opens all ports, so that an address in use or an unreadable webhook
// secret is an error before any work begins.
func (d *Daemon) listen(ctx context.Context) (*ports, error) {
	c := d.currentRunner().config
	take, err := d.webhooks.prepare(*c)
	if err != nil {
		return nil, err
	}
	take()
	if err := c.Server.API.CheckTokens(); err != nil {
		return nil, message.Within("server", err)
	}
	group, err := socketGroup(c.Server)
	if err != nil {
		return nil, err
	}
	p := &ports{}
	if p.server, err = server.Listen(ctx, server.Options{
		Listen: c.Server.Listen, Socket: c.Server.Socket, State: d, Attester: d, Syncer: d, Suspender: d, Publisher: d,
		Describer: d, EventReader: d, Acceptor: d, SocketGroup: group, API: d.api(c.Server.API),
		Conditions: d.Conditions, Problems: d.Problems, Instances: d.Instances, ConfigurationDigest: func() string { return d.currentRunner().digest },
		Metrics: d.metrics.Gatherer(), Log: d.log, Redact: d.redactor.Redact,
	}); err != nil {
		return nil, err
	}
	if p.webhooks, err = d.listenWebhooks(ctx, *c); err != nil {
		return nil, errors.Join(err, p.server.Close(ctx))
	}
	return p, nil
}

// serve answers until close.
func (p *ports) serve() {
	p.server.Serve()
	if p.webhooks != nil {
		p.webhooks.Serve()
	}
}

// webhookAddress is the address for webhooks, or empty.
func (p *ports) webhookAddress() string {
	if p.webhooks == nil {
		return ""
	}
	return p.webhooks.Address()
}

// close waits up to limit for requests in flight, and then closes the ports.
func (p *ports) close(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := p.server.Close(ctx)
	if p.webhooks != nil {
		err = errors.Join(err, p.webhooks.Close(ctx))
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return message.NewError("daemon.of", "why", err)
	}
	return nil
}
